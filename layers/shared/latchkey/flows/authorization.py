"""Authorizes a request: a valid token of an active session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.account import Role
from latchkey.domain.errors import (
    AccountNotFound,
    NotAuthenticated,
    SessionRevoked,
    TemporarilyUnavailable,
    TokenInvalid,
    TokenMissing,
)
from latchkey.domain.request import Caller, RequestContext
from latchkey.domain.session import touch_interval
from latchkey.domain.values import dataclass, replace
from latchkey.observability import logger
from latchkey.security.origins import seal_origin

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from latchkey.domain.ids import AccountId
    from latchkey.domain.session import Session, Use
    from latchkey.domain.signing import AccessClaims
    from latchkey.flows.external_authorization import ExternalAuthorization
    from latchkey.security.token_verification import AccessTokenVerifier
    from latchkey.storage.reads import AccountReader, SessionReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """The flow and its parts."""

    verifier: AccessTokenVerifier
    accounts: AccountReader
    sessions: SessionReader
    idle_timeout: timedelta
    last_activity_interval: timedelta
    external: ExternalAuthorization | None = None

    def authorize(
        self,
        header: str | None,
        now: datetime,
        use: Use | None,
        *,
        request_id: str = "",
        user_agent: str = "",
    ) -> Caller:
        """Return the caller, with one strongly consistent read, and a second for administrators.

        The role of a session changes together with the account's. The account of an administrator
        is still read, because an outdated role would give access to all accounts.

        header      the complete `Authorization` header, or None
        use         the origin of the request, for the device list and the audit trail; None if the
                    gateway does not tell it
        request_id  binds sealed data of this request to its row
        user_agent  describes the device, at the first request of a session of another issuer

        Raises a NotAuthenticated with the reason, or TemporarilyUnavailable if storage does not
        respond.
        """
        ip_address = use.ip_address if use else ""
        token = _bearer_token(header)
        session: Session | None
        if self.external is not None and self.external.takes(token):
            context = RequestContext(
                request_id=request_id,
                now=now,
                ip_address=ip_address,
                user_agent=user_agent,
                location=use.location if use else None,
            )
            claims, session = self.external.find(token, context)
        else:
            claims = self.verifier.verify(token, now)
            session = self.sessions.find(claims.account_id, claims.session_id)
        if session is None:
            # The token is genuine, so the session existed: it has ended and was removed.
            raise SessionRevoked(caller=_forgotten(claims))
        try:
            session.require_active(now, self.idle_timeout)
        except NotAuthenticated as refusal:
            refusal.data["caller"] = _caller(session, claims, ip_address, request_id)
            raise
        if claims.generation > session.generation:
            raise TokenInvalid(reason="generation")
        self._touch(session, now, claims.generation, use)
        if session.role is Role.ADMIN:
            session = replace(session, role=self._present_role(session.account_id))
        return _caller(session, claims, ip_address, request_id)

    def _present_role(self, account_id: AccountId) -> Role:
        try:
            return self.accounts.get(account_id).role
        except AccountNotFound:
            return Role.USER

    def _touch(self, session: Session, now: datetime, generation: int, use: Use | None) -> None:
        interval = touch_interval(self.last_activity_interval, self.idle_timeout)
        if not session.is_touch_due(now, generation, interval):
            return
        try:
            self.sessions.touch(session, now, generation, use or session.present_use)
        except TemporarilyUnavailable:
            # Recording the use must not fail the request. The next one tries again.
            logger.warning("last activity not written", session_id=session.id)


def _caller(session: Session, claims: AccessClaims, ip_address: str, request_id: str) -> Caller:
    # The session stores its last authentication. A token with a later time was signed with a leaked
    # key.
    authenticated_at = min(claims.authenticated_at, session.proven_at)
    return Caller(
        account_id=session.account_id,
        session_id=session.id,
        authenticated_at=authenticated_at,
        role=session.role,
        audit_subject=session.audit.id,
        device_name=session.device.name,
        origin=seal_origin(
            session.audit,
            ip_address=ip_address,
            device=session.device.name,
            request_id=request_id,
        ),
    )


def _forgotten(claims: AccessClaims) -> Caller:
    return Caller(
        account_id=claims.account_id,
        session_id=claims.session_id,
        authenticated_at=claims.authenticated_at,
        role=Role.USER,
    )


def _bearer_token(header: str | None) -> str:
    # The white space that HTTP allows. A token with a line break is malformed.
    text = (header or "").strip(" \t")
    if not text:
        raise TokenMissing
    scheme, _, token = text.partition(" ")
    # API Gateway joins repeated headers with a comma, which no token contains.
    if scheme.lower() != "bearer" or not token or "," in token:
        raise TokenInvalid(reason="scheme")
    return token.strip(" \t")

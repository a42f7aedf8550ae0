"""The first sight of a sign-in at another issuer: it starts the session, and it does so once."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.account import Account, AccountStatus, Role
from latchkey.domain.audit import Action, AuditSubject, audit_row
from latchkey.domain.changes import IdentityNotErased, IdentitySeen
from latchkey.domain.effects import Effects
from latchkey.domain.errors import (
    SessionExpired,
    SessionOfDeletedAccount,
    SessionOfSuspendedAccount,
    SessionRevoked,
    TemporarilyUnavailable,
)
from latchkey.domain.identity import Identity
from latchkey.domain.ids import DeviceId, SubjectId
from latchkey.domain.limits import (
    ENDED_SESSIONS_KEPT,
    EXTERNAL_SIGN_IN_MAX_DAYS,
    NAME_MAX_CHARACTERS,
)
from latchkey.domain.session import (
    EndReason,
    LoginMethod,
    Session,
    least_recently_used,
    refusal_of,
)
from latchkey.domain.values import dataclass
from latchkey.flows.conflicts import CONFLICT, Conflict, retry_on_conflict
from latchkey.observability import logger
from latchkey.security.devices import describe
from latchkey.security.sealing import KEY_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from latchkey.domain.audit import AuditRow
    from latchkey.domain.issuers import ExternalClaims
    from latchkey.domain.request import RequestContext
    from latchkey.flows.external_authorization import ExternalIds
    from latchkey.storage.identities import IdentityStore
    from latchkey.storage.sessions import SessionStore

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSight:
    """The flow for a token without a session, and its parts."""

    identities: IdentityStore
    sessions: SessionStore
    idle_timeout: timedelta
    absolute_timeout: timedelta
    session_limit: int

    def see(self, claims: ExternalClaims, ids: ExternalIds, context: RequestContext) -> Session:
        """Start the session of a sign-in, and create the account of a new person.

        A session is started only for a sign-in that is younger than the absolute timeout, and than
        EXTERNAL_SIGN_IN_MAX_DAYS. What ended it, and the erasure of the account, is remembered as
        long. So a session that was revoked stays revoked, however often the issuer refreshes its
        token.

        Race: of parallel first requests one starts the session, and the others find it.

        Raises SessionRevoked and its subclasses, SessionExpired, TemporarilyUnavailable.
        """
        longest = min(self.absolute_timeout, timedelta(days=EXTERNAL_SIGN_IN_MAX_DAYS))
        expires_at = claims.authenticated_at + longest
        if context.now >= expires_at:
            raise SessionExpired

        def attempt() -> Session | Conflict:
            existing = self.sessions.find(ids.account_id, ids.session_id)
            if existing is not None:
                return existing
            found = self.identities.find(ids.account_id, ids.identity_id, ids.session_id)
            if found.is_forgotten:
                raise refusal_of(found.forgotten)
            if found.erased_at is not None and claims.authenticated_at <= found.erased_at:
                raise SessionOfDeletedAccount
            account = found.account or _new_account(claims, ids, context)
            _require_active(account)
            if (
                account.signed_out_at is not None
                and claims.authenticated_at <= account.signed_out_at
            ):
                # Signed out everywhere, before this device was first seen.
                raise SessionRevoked
            session = _new_session(claims, ids, context, account, expires_at)
            also = (
                IdentitySeen(account.id, _identity(claims, ids, context, account)),
                IdentityNotErased(ids.identity_id, claims.authenticated_at),
            )
            rows = [_row(Action.SESSION_STARTED, account, context, session)]
            if found.account is None:
                rows.insert(
                    0, audit_row(Action.ACCOUNT_REGISTERED_BY_ISSUER, account.audit, context)
                )
                effects = Effects(audit=tuple(rows))
                created = self.identities.create(account, session, effects, also=also)
                return session if created else CONFLICT
            return session if self._start(account, session, rows, also, context) else CONFLICT

        return retry_on_conflict(attempt, reason="first sight contention")

    def _start(
        self,
        account: Account,
        session: Session,
        rows: list[AuditRow],
        also: Sequence[IdentitySeen | IdentityNotErased],
        context: RequestContext,
    ) -> bool:
        existing = self.sessions.list_by_account(account.id)
        active = [old for old in existing if old.is_active(context.now, self.idle_timeout)]
        surplus = least_recently_used(active, keep=self.session_limit - 1)
        rows += [_row(Action.SESSION_ENDED_BY_LIMIT, account, context, old) for old in surplus]
        started = self.sessions.start(
            session,
            session_version=account.session_version,
            ending=[(old, EndReason.LIMIT) for old in surplus],
            effects=Effects(audit=tuple(rows)),
            also=also,
        )
        if started:
            self._forget_oldest(existing, context.now)
        return started

    def _forget_oldest(self, existing: Sequence[Session], now: datetime) -> None:
        ended = [s for s in existing if s.ended_at is not None and s.identity_id is not None]
        ended.sort(key=lambda old: old.created_at)
        surplus = ended[: max(0, len(ended) - ENDED_SESSIONS_KEPT)]
        if not surplus:
            return
        try:
            self.identities.forget(surplus, now)
        except TemporarilyUnavailable:
            # The session has started. The next one removes the old sessions.
            logger.warning("ended sessions not forgotten", session_id=surplus[0].id)


def _require_active(account: Account) -> None:
    if account.status is AccountStatus.SUSPENDED:
        raise SessionOfSuspendedAccount
    if account.status is not AccountStatus.ACTIVE:
        raise SessionOfDeletedAccount


def _new_account(claims: ExternalClaims, ids: ExternalIds, context: RequestContext) -> Account:
    """Return the account of a new person. It has no address and no password of its own.

    The issuer's address is not taken over: it would join accounts that have different owners.
    """
    name = claims.name if claims.name and len(claims.name) <= NAME_MAX_CHARACTERS else None
    return Account(
        id=ids.account_id,
        email="",
        password_hash="",
        audit=AuditSubject(SubjectId(context.new_id("sub")), os.urandom(KEY_BYTES)),
        created_at=context.now,
        updated_at=context.now,
        full_name=name,
        role=Role.USER,
        session_version=1,
    )


def _identity(
    claims: ExternalClaims, ids: ExternalIds, context: RequestContext, account: Account
) -> Identity:
    return Identity(
        id=ids.identity_id,
        issuer=claims.issuer.issuer,
        subject=claims.subject,
        first_seen_at=account.created_at,
        signed_in_at=min(claims.authenticated_at, context.now),
        email=claims.email,
        email_verified=claims.email_verified,
        name=claims.name,
    )


def _new_session(
    claims: ExternalClaims,
    ids: ExternalIds,
    context: RequestContext,
    account: Account,
    expires_at: datetime,
) -> Session:
    return Session(
        id=ids.session_id,
        account_id=account.id,
        audit=account.audit,
        role=account.role,
        device=describe(context.user_agent, client_hints=context.client_hints, device_name=None),
        device_id=DeviceId(context.new_id("dev")),
        user_agent=context.user_agent,
        ip_address=context.ip_address,
        location=context.location,
        login_method=LoginMethod.EXTERNAL,
        created_at=context.now,
        authenticated_at=claims.authenticated_at,
        last_activity_at=context.now,
        expires_at=expires_at,
        secret=os.urandom(_SECRET_BYTES),
        # There is no refresh token, so no generation is to be marked as used.
        used_generation=1,
        issuer=claims.issuer.issuer,
        identity_id=ids.identity_id,
    )


def _row(action: Action, account: Account, context: RequestContext, session: Session) -> AuditRow:
    return audit_row(
        action,
        account.audit,
        context,
        session_id=session.id,
        targets=(session.id,),
        device=session.device.name,
    )

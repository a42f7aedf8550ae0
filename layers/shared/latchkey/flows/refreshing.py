"""Refresh: a new token pair for an active session. Parallel requests rotate once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain import mail
from latchkey.domain.audit import Action, audit_row
from latchkey.domain.effects import Effects
from latchkey.domain.errors import RefreshTokenInvalid, RefreshTokenReused, SessionRevoked
from latchkey.domain.limits import REFRESH_GRACE_SECONDS, USED_ELSEWHERE_REPEAT_HOURS
from latchkey.domain.session import EndReason, Use
from latchkey.domain.values import dataclass
from latchkey.observability import request_subject
from latchkey.security import refresh_tokens
from latchkey.security.origins import seal_origin

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.request import RequestContext
    from latchkey.domain.session import Session
    from latchkey.security.access_tokens import AccessTokenSigner
    from latchkey.storage.peppers import PepperStore
    from latchkey.storage.sessions import SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """A session and its next token pair."""

    session: Session
    access_token: str
    access_token_lifetime: timedelta
    refresh_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshing:
    """The flow and its parts."""

    sessions: SessionStore
    signer: AccessTokenSigner
    peppers: PepperStore
    idle_timeout: timedelta

    def refresh(self, token: str, context: RequestContext) -> Refreshed:
        """Exchange a refresh token for the next token pair.

        The token of the current generation rotates the session. The previous token gets the same
        new tokens again: within REFRESH_GRACE_SECONDS (two tabs, a retry), or later if none of them
        was used (a lost response). Any other token is a stolen copy: its session ends, and no other
        session. The same applies if a different client on a different network repeats the request.

        If both network and client differ from the last use, the owner gets an email.

        Raises RefreshTokenInvalid, RefreshTokenReused, SessionRevoked, SessionExpired,
        SessionIdleTimeout.
        """
        presented = refresh_tokens.parse(token)
        if presented is None:
            raise RefreshTokenInvalid(reason="form")
        session = self.sessions.find(presented.account_id, presented.session_id)
        pepper = self.peppers.find(presented.pepper_id)
        if session is None or pepper is None:
            raise RefreshTokenInvalid(reason="unknown")
        if not refresh_tokens.is_genuine(presented, session, pepper):
            raise RefreshTokenInvalid(reason="unknown")
        device = session.device.name
        origin = seal_origin(
            session.audit,
            ip_address=context.ip_address,
            device=device,
            request_id=context.request_id,
        )
        request_subject.bind(session.audit.id, origin=origin, session_id=session.id)
        session.require_active(context.now, self.idle_timeout)
        use = Use.at(context.ip_address, context.user_agent, context.location)
        if presented.generation == session.generation:
            session = self._rotate(session, use, context)
        if presented.generation != session.generation - 1:
            raise self._end_as_stolen(session, context)
        if not _may_repeat(session, context.now) or use.is_elsewhere(session.present_use):
            raise self._end_as_stolen(session, context)
        return Refreshed(
            session=session,
            access_token=self.signer.sign(session, context.now),
            access_token_lifetime=self.signer.lifetime,
            refresh_token=refresh_tokens.mint(session, self.peppers.current(context.now)),
        )

    def _rotate(self, session: Session, use: Use, context: RequestContext) -> Session:
        """Rotate the session, or return the result of a parallel rotation."""
        effects = None
        if use.is_elsewhere(session.present_use) and _may_notify_again(session, context.now):
            effects = _used_elsewhere(session, context)
        latest, rotated = self.sessions.rotate(
            session, context.now, self.idle_timeout, use, effects
        )
        if latest is None:
            raise SessionRevoked
        if not rotated:
            latest.require_active(context.now, self.idle_timeout)
        return latest

    def _end_as_stolen(self, session: Session, context: RequestContext) -> RefreshTokenReused:
        row = audit_row(
            Action.SESSION_ENDED_BY_REUSE,
            session.audit,
            context,
            session_id=session.id,
            targets=(session.id,),
            device=session.device.name,
        )
        notice = mail.RefreshTokenReused(account_id=session.account_id, session_id=session.id)
        effects = Effects(audit=(row,), outbox=(notice.message(context),))
        self.sessions.end(session, context.now, EndReason.REFRESH_TOKEN_REUSED, effects)
        return RefreshTokenReused()


def _used_elsewhere(session: Session, context: RequestContext) -> Effects:
    row = audit_row(
        Action.SESSION_USED_ELSEWHERE,
        session.audit,
        context,
        session_id=session.id,
        targets=(session.id,),
        device=session.device.name,
    )
    notice = mail.SessionUsedElsewhere(account_id=session.account_id, session_id=session.id)
    return Effects(audit=(row,), outbox=(notice.message(context),))


def _may_notify_again(session: Session, now: datetime) -> bool:
    notified_at = session.told_elsewhere_at
    return notified_at is None or now - notified_at >= timedelta(hours=USED_ELSEWHERE_REPEAT_HOURS)


def _may_repeat(session: Session, now: datetime) -> bool:
    """Return whether the same new tokens may be returned again."""
    if session.used_generation < session.generation:
        return True
    grace = timedelta(seconds=REFRESH_GRACE_SECONDS)
    return session.rotated_at is not None and now - session.rotated_at <= grace

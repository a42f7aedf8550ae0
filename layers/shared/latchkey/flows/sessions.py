"""A person's own sessions: see them, end them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from latchkey.domain.audit import Action, audit_row
from latchkey.domain.effects import Effects
from latchkey.domain.errors import SessionNotFound
from latchkey.domain.ids import is_id
from latchkey.domain.session import EndReason, Session

if TYPE_CHECKING:
    from datetime import timedelta

    from latchkey.domain.request import Caller, RequestContext
    from latchkey.storage.sessions import SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """The flows, and what they need."""

    store: SessionStore
    idle_timeout: timedelta

    def list_active(self, caller: Caller, context: RequestContext) -> list[Session]:
        """List the sessions that would be accepted now: the caller's first, then by last use."""
        sessions = self.store.list_by_account(caller.account_id)
        active = [s for s in sessions if s.is_active(context.now, self.idle_timeout)]
        return sorted(
            active,
            key=lambda s: (s.id == caller.session_id, s.last_activity_at),
            reverse=True,
        )

    def revoke(self, caller: Caller, session_id: str, context: RequestContext) -> Session:
        """Sign one of the caller's devices out, from its next request on.

        Raises SessionNotFound for a session that is not there, not the caller's, or not active.
        """
        session = None
        if is_id("ses", session_id):
            session = self.store.find(caller.account_id, session_id)
        if session is None or not session.is_active(context.now, self.idle_timeout):
            raise SessionNotFound
        row = audit_row(
            Action.SESSION_REVOKED_BY_OWNER,
            session.audit,
            context,
            session_id=caller.session_id,
            target=session.id,
            device=session.device.name,
        )
        if not self.store.end(session, context.now, EndReason.REVOKED, Effects(audit=(row,))):
            raise SessionNotFound
        return session

    def log_out(self, caller: Caller, context: RequestContext) -> None:
        """End the caller's own session; that it has ended already is no error."""
        session = self.store.find(caller.account_id, caller.session_id)
        if session is None or session.ended_at is not None:
            return
        row = audit_row(
            Action.SESSION_ENDED_BY_LOGOUT,
            session.audit,
            context,
            session_id=session.id,
            target=session.id,
            device=session.device.name,
        )
        self.store.end(session, context.now, EndReason.LOGOUT, Effects(audit=(row,)))

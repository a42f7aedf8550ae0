"""The caller's sessions: list, rename and end them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.audit import Action, audit_row
from latchkey.domain.effects import Effects
from latchkey.domain.errors import CurrentSessionUnknown, Problem, ProblemCode, SessionNotFound
from latchkey.domain.ids import SessionId, is_id
from latchkey.domain.session import EndReason, Session
from latchkey.domain.values import dataclass, replace
from latchkey.flows.ending import Ending

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from latchkey.domain.account import Account
    from latchkey.domain.request import Caller, RequestContext
    from latchkey.flows.ending import SessionEnding
    from latchkey.storage.sessions import SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """The flow and its parts."""

    store: SessionStore
    ending: SessionEnding
    idle_timeout: timedelta

    def list_active(self, caller: Caller, context: RequestContext) -> list[Session]:
        """List the active sessions, the caller's first, then by last use."""
        sessions = self.store.list_by_account(caller.account_id)
        active = [s for s in sessions if s.is_active(context.now, self.idle_timeout)]
        return sorted(
            active,
            key=lambda s: (s.id == caller.session_id, s.last_activity_at),
            reverse=True,
        )

    def revoke(self, caller: Caller, session_id: str, context: RequestContext) -> Session:
        """Sign one of the caller's devices out, from its next request.

        Raises SessionNotFound for an unknown, foreign or inactive session.
        """
        session = self._own(caller, session_id, context)
        row = audit_row(
            Action.SESSION_REVOKED_BY_OWNER,
            session.audit,
            context,
            caller=caller,
            targets=(session.id,),
            device=session.device.name,
        )
        if not self.store.end(session, context.now, EndReason.REVOKED, Effects(audit=(row,))):
            raise SessionNotFound
        return session

    def rename(
        self, caller: Caller, session_id: str, device_name: str, context: RequestContext
    ) -> Session:
        """Rename one of the caller's devices.

        Raises SessionNotFound as `revoke` does.
        """
        session = self._own(caller, session_id, context)
        device = replace(session.device, name=device_name)
        row = audit_row(
            Action.SESSION_RENAMED,
            session.audit,
            context,
            caller=caller,
            targets=(session.id,),
            device=device.name,
            changed=("device_name",),
        )
        if not self.store.rename(session, device, Effects(audit=(row,))):
            raise SessionNotFound
        return replace(session, device=device)

    def revoke_many(self, caller: Caller, scope: str, context: RequestContext) -> int:
        """Sign the caller's other devices out, or all of them. Returns their number.

        scope  "others" or "all"

        Raises CurrentSessionUnknown for "others" if the caller's own session has just ended,
        because it would end all sessions.
        """

        def choose(active: Sequence[Session]) -> Sequence[Session]:
            if scope == "all":
                return active
            if caller.session_id not in {session.id for session in active}:
                raise CurrentSessionUnknown(
                    Problem(
                        "scope",
                        ProblemCode.CURRENT_SESSION_UNKNOWN,
                        "Sign in again, or send scope=all.",
                    )
                )
            return [session for session in active if session.id != caller.session_id]

        def decide(account: Account, active: Sequence[Session]) -> Ending:
            chosen = choose(active)
            row = audit_row(
                Action.SESSIONS_REVOKED_BY_OWNER,
                account.audit,
                context,
                caller=caller,
                targets=tuple(session.id for session in chosen),
            )
            return Ending(
                sessions=chosen,
                reason=EndReason.SIGNED_OUT_EVERYWHERE,
                effects=Effects(audit=(row,)),
            )

        ended = self.ending.end(
            caller.account_id,
            decide,
            context,
            # For "others", `choose` requires it.
            caller=caller if scope == "all" else None,
        )
        return len(ended)

    def _own(self, caller: Caller, session_id: str, context: RequestContext) -> Session:
        session = None
        if is_id("ses", session_id):
            session = self.store.find(caller.account_id, SessionId(session_id))
        if session is None or not session.is_active(context.now, self.idle_timeout):
            raise SessionNotFound
        return session

    def log_out(self, caller: Caller, context: RequestContext) -> None:
        """End the caller's session. An ended one is not an error."""
        session = self.store.find(caller.account_id, caller.session_id)
        if session is None or session.ended_at is not None:
            return
        row = audit_row(
            Action.SESSION_ENDED_BY_LOGOUT,
            session.audit,
            context,
            session_id=session.id,
            targets=(session.id,),
            device=session.device.name,
        )
        self.store.end(session, context.now, EndReason.LOGOUT, Effects(audit=(row,)))

"""Ending sessions of an account, together with the change that requires it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.account import AccountStatus
from latchkey.domain.changes import AccountChange, SessionRequired
from latchkey.domain.errors import AccountNotFound, SessionRevoked
from latchkey.domain.values import dataclass
from latchkey.flows.conflicts import CONFLICT, Conflict, retry_on_conflict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from latchkey.domain.account import Account
    from latchkey.domain.changes import Change
    from latchkey.domain.effects import Effects
    from latchkey.domain.ids import AccountId
    from latchkey.domain.request import Caller, RequestContext
    from latchkey.domain.session import EndReason, Session
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.sessions import SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A decision: which sessions end, and what changes with them.

    sessions  some or all of the active sessions of the account
    effects   audit rows and messages
    account   the account as it will be; None: as it is
    also      further changes. If one of them is refused, nothing changes and the flow decides
              again; after some attempts TemporarilyUnavailable is raised
    """

    sessions: Sequence[Session]
    reason: EndReason
    effects: Effects
    account: Account | None = None
    also: Sequence[Change] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnding:
    """The flow and its parts."""

    accounts: AccountStore
    sessions: SessionStore
    idle_timeout: timedelta

    def end(
        self,
        account_id: AccountId,
        decide: Callable[[Account, Sequence[Session]], Ending],
        context: RequestContext,
        *,
        caller: Caller | None = None,
    ) -> Sequence[Session]:
        """End the sessions of a decision, all or none of them.

        A sign-in in flight starts no session afterwards (`Account.sign_in_epoch`).

        decide  gets the account and its active sessions, and again after each lost race. It may
                raise to refuse
        caller  the caller, if authenticated by this account: the session must still be active,
                so that a request of a signed-out device has no effect

        Returns the ended sessions.

        Raises AccountNotFound if the account is gone or being erased, and SessionRevoked and its
        subclasses if the caller's own session is no longer active.
        """

        def attempt() -> Sequence[Session] | Conflict:
            # The account first: a session that starts after this read changes its version.
            account = self.accounts.get(account_id)
            existing = self.sessions.list_by_account(account_id)
            own = None
            if caller is not None and caller.account_id == account_id:
                own = self._require_active(caller, existing, context)
            active = [s for s in existing if s.is_active(context.now, self.idle_timeout)]
            ending = decide(account, active)
            if account.status is AccountStatus.ERASING:
                raise AccountNotFound
            kept = [] if own is None or own in ending.sessions else [SessionRequired(own)]
            done = self.sessions.end_many(
                ending.sessions,
                context.now,
                ending.reason,
                ending.effects,
                account=AccountChange(account, ending.account or account),
                also=[*kept, *ending.also],
            )
            return ending.sessions if done else CONFLICT

        return retry_on_conflict(attempt, reason="sessions kept changing")

    def _require_active(
        self, caller: Caller, existing: Sequence[Session], context: RequestContext
    ) -> Session:
        own = next((s for s in existing if s.id == caller.session_id), None)
        if own is None:
            raise SessionRevoked
        own.require_active(context.now, self.idle_timeout)
        return own

"""Ending several sessions of one account together with what made it necessary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from latchkey.domain.errors import SessionRevoked, TemporarilyUnavailable
from latchkey.domain.limits import TRANSACTION_ATTEMPTS, UNAVAILABLE_RETRY_AFTER_SECONDS
from latchkey.storage.accounts import sessions_changing
from latchkey.storage.sessions import still_active

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    from latchkey.domain.account import Account
    from latchkey.domain.effects import Effects
    from latchkey.domain.request import Caller, RequestContext
    from latchkey.domain.session import EndReason, Session
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.sessions import SessionStore
    from latchkey.storage.table import Value, Write


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnding:
    """The mechanism, and what it needs."""

    accounts: AccountStore
    sessions: SessionStore
    idle_timeout: timedelta

    def end(
        self,
        account_id: str,
        reason: EndReason,
        context: RequestContext,
        *,
        which: Callable[[Sequence[Session]], Sequence[Session]],
        effects: Callable[[Account, Sequence[Session]], Effects],
        changes: Callable[[Account], Mapping[str, Value]] = lambda _: {},
        also: Sequence[Write] = (),
        also_of: Callable[[Account], Sequence[Write]] = lambda _: (),
        caller: Caller | None = None,
    ) -> Sequence[Session]:
        """End the sessions that `which` picks among the active ones, all or none of them.

        A sign-in that is in flight starts no session afterwards (`Account.sign_in_epoch`).

        which    is asked again when the account's sessions have changed in the meantime
        effects  what to record of it
        changes  attributes of the account that change with it; may raise to refuse
        also     writes that belong to it, such as redeeming a single-use token: when one of their
                 conditions fails, nothing happens and TemporarilyUnavailable is raised in the end

        also_of  as `also`, for writes that depend on the account
        caller   who asks for it with a session of this account: the session must still be active
                 then, so that what is sent from a device that is being signed out does not win

        Returns the sessions that it ended.

        Raises SessionRevoked and its kind when the caller's own session is not active any more.
        """
        for _ in range(TRANSACTION_ATTEMPTS):
            # The account first: a session that starts after this read changes its version.
            account = self.accounts.get(account_id)
            listed = self.sessions.list_by_account(account_id)
            active = [s for s in listed if s.is_active(context.now, self.idle_timeout)]
            own = None
            if caller is not None and caller.account_id == account_id:
                own = self._require_active(caller, listed, context)
            chosen = which(active)
            kept = [] if own is None or own in chosen else [still_active(own)]
            done = self.sessions.end_many(
                chosen,
                context.now,
                reason,
                effects(account, chosen),
                account=sessions_changing(account, changes(account), ending=True),
                also=[*kept, *also, *also_of(account)],
            )
            if done:
                return chosen
        raise TemporarilyUnavailable(
            retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS, reason="sessions kept changing"
        )

    def _require_active(
        self, caller: Caller, listed: Sequence[Session], context: RequestContext
    ) -> Session:
        own = next((s for s in listed if s.id == caller.session_id), None)
        if own is None:
            raise SessionRevoked
        own.require_active(context.now, self.idle_timeout)
        return own

"""Operations of administrators: search accounts and sessions, end sessions, change roles.

Every read and change by an administrator is in the audit trail of the account. A search across
accounts is in the administrator's own, with the names of the filters and never their values.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from latchkey.domain.account import AccountStatus, Role, email_key
from latchkey.domain.audit import SYSTEM_ACTOR, Action, audit_row
from latchkey.domain.changes import AccountChange, SessionRequired
from latchkey.domain.effects import Effects
from latchkey.domain.errors import (
    AccountNotFound,
    AdministratorsOnly,
    ErasureStarted,
    LastAdministrator,
    RevocationNotConfirmed,
    SessionRevoked,
)
from latchkey.domain.limits import (
    PAGE_MAX_ITEMS,
    REVOCATION_PAGES,
    REVOCATION_SAMPLE,
)
from latchkey.domain.search import SessionFilter, SessionState, UserFilter
from latchkey.domain.session import EndReason, Session
from latchkey.domain.values import dataclass, replace
from latchkey.flows.acting import row_by
from latchkey.flows.conflicts import CONFLICT, Conflict, retry_on_conflict
from latchkey.flows.ending import Ending

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from latchkey.domain.account import Account
    from latchkey.domain.audit import AuditRow
    from latchkey.domain.changes import Change
    from latchkey.domain.ids import AccountId, SessionId
    from latchkey.domain.paging import Slice
    from latchkey.domain.request import Caller, RequestContext
    from latchkey.flows.ending import SessionEnding
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.administrators import Administrators
    from latchkey.storage.audit_log import AuditLog
    from latchkey.storage.revocations import RevocationStore
    from latchkey.storage.search import SearchStore
    from latchkey.storage.sessions import SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Sessions that a revocation would end, or has ended.

    count         the number of sessions
    sample        some of the sessions; only for a dry run
    confirmation  must be in the real request; only for a dry run
    is_complete   False if one request could not process all of them: send it again
    """

    count: int
    sample: list[Session]
    confirmation: str | None
    is_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    """The flow and its parts."""

    accounts: AccountStore
    sessions: SessionStore
    administrators: Administrators
    search: SearchStore
    revocations: RevocationStore
    audit: AuditLog
    ending: SessionEnding
    idle_timeout: timedelta

    # Reads -----------------------------------------------------------------------------------

    def list_users(
        self,
        criteria: UserFilter,
        caller: Caller,
        context: RequestContext,
        *,
        limit: int,
        cursor: str | None = None,
    ) -> Slice[Account]:
        """Search accounts. Raises InvalidCursor."""
        self._record_search(Action.USERS_LISTED_BY_ADMIN, criteria.names, caller, context)
        return self.search.users(criteria, bound_to=caller.account_id, limit=limit, cursor=cursor)

    def list_sessions(
        self, account_id: AccountId, caller: Caller, context: RequestContext
    ) -> list[Session]:
        """List the active sessions of an account, the last used first. Raises AccountNotFound."""
        account = self.accounts.get(account_id)
        action = Action.SESSIONS_READ_BY_ADMIN
        row = row_by(caller, account, context, own=action, by_admin=action)
        self.audit.write(Effects(audit=(row,)))
        listed = self.sessions.list_by_account(account_id)
        active = [s for s in listed if s.is_active(context.now, self.idle_timeout)]
        return sorted(active, key=lambda s: s.last_activity_at, reverse=True)

    def search_sessions(
        self,
        criteria: SessionFilter,
        caller: Caller,
        context: RequestContext,
        *,
        limit: int,
        cursor: str | None = None,
    ) -> Slice[Session]:
        """Search sessions of all accounts. Raises InvalidCursor, InvalidInput."""
        self._record_search(Action.SESSIONS_SEARCHED_BY_ADMIN, criteria.names, caller, context)
        return self._page(criteria, caller, context, limit=limit, cursor=cursor)

    # Ending sessions -------------------------------------------------------------------------

    def end_sessions(self, account_id: AccountId, caller: Caller, context: RequestContext) -> int:
        """End all sessions of an account. Returns their number. Raises AccountNotFound."""
        return len(self._end(account_id, None, caller, context))

    def try_revocation(
        self, criteria: SessionFilter, caller: Caller, context: RequestContext
    ) -> Revocation:
        """Dry run: return what a revocation would end, and store its confirmation."""
        found, is_complete = self._find_all(criteria, caller, context)
        confirmation = context.new_id("rev")
        action = Action.SESSIONS_REVOCATION_TRIED_BY_ADMIN
        # Before the audit row, because it raises for an administrator who is being erased.
        self.revocations.put_new(caller.account_id, confirmation, criteria.digest, context.now)
        self._record_search(action, criteria.names, caller, context)
        return Revocation(
            count=len(found),
            sample=found[:REVOCATION_SAMPLE],
            confirmation=confirmation,
            is_complete=is_complete,
        )

    def revoke(
        self,
        criteria: SessionFilter,
        confirmation: str | None,
        caller: Caller,
        context: RequestContext,
    ) -> Revocation:
        """End the sessions of a confirmed dry run, account by account, except the caller's own.

        Raises RevocationNotConfirmed.
        """
        if confirmation is None or not self.revocations.is_valid(
            caller.account_id, confirmation, criteria.digest, context.now
        ):
            raise RevocationNotConfirmed
        found, is_complete = self._find_all(criteria, caller, context)
        chosen: dict[AccountId, set[SessionId]] = defaultdict(set)
        for session in found:
            chosen[session.account_id].add(session.id)
        ended = 0
        for account_id, session_ids in chosen.items():
            try:
                ended += len(self._end(account_id, session_ids, caller, context))
            except (AccountNotFound, _NoSessionsError):
                continue
        if is_complete:
            self.revocations.use_up(caller.account_id, confirmation)
        return Revocation(count=ended, sample=[], confirmation=None, is_complete=is_complete)

    # Roles -----------------------------------------------------------------------------------

    def change_role(
        self, account_id: AccountId, role: Role, caller: Caller, context: RequestContext
    ) -> Account:
        """Change the role of an account from its next request.

        The caller must still be an administrator at the time of the write. Otherwise a demoted
        administrator could restore their own role with a request in flight.

        Raises LastAdministrator, AdministratorsOnly, and SessionRevoked and its subclasses.
        """

        def row(account: Account) -> AuditRow:
            action = Action.ROLE_CHANGED_BY_ADMIN
            return row_by(caller, account, context, own=action, by_admin=action)

        def require_admin(_: Account) -> Sequence[Change]:
            own = self.sessions.find(caller.account_id, caller.session_id)
            if own is None:
                raise SessionRevoked
            own.require_active(context.now, self.idle_timeout)
            if own.role is not Role.ADMIN:
                raise AdministratorsOnly
            # For the caller's own account, the transaction itself writes this session, on the
            # same condition.
            return [] if caller.account_id == account_id else [SessionRequired(own)]

        return self._change_role(account_id, role, row, context, require=require_admin)

    def grant_admin(self, address: str, context: RequestContext) -> Account:
        """Make an account an administrator. IAM authorizes the caller of the function.

        Raises AccountNotFound.
        """
        key = email_key(address.strip())
        account = self.accounts.find_by_email(key)
        if account is None:
            raise AccountNotFound

        def row(account: Account) -> AuditRow:
            action = Action.ROLE_CHANGED_BY_OPERATOR
            return audit_row(action, account.audit, context, actor=SYSTEM_ACTOR)

        def require(account: Account) -> Sequence[Change]:
            has_address = email_key(account.email) == key
            if not has_address or account.status is not AccountStatus.ACTIVE:
                raise AccountNotFound
            return []

        return self._change_role(account.id, Role.ADMIN, row, context, require=require)

    def _change_role(
        self,
        account_id: AccountId,
        role: Role,
        row: Callable[[Account], AuditRow],
        context: RequestContext,
        *,
        require: Callable[[Account], Sequence[Change]],
    ) -> Account:
        def attempt() -> Account | Conflict:
            before = self.accounts.get(account_id)
            conditions = require(before)
            if before.status is AccountStatus.ERASING:
                raise ErasureStarted
            sessions = self.sessions.list_by_account(account_id)
            active = [s for s in sessions if s.is_active(context.now, self.idle_timeout)]
            if before.role is role and all(s.role is role for s in active):
                return before
            after = replace(before, role=role, updated_at=context.now)
            leaves = before.is_working_admin and not after.is_working_admin
            if leaves and self.administrators.count() <= 1:
                # The condition of the write decides. This check gives the error.
                raise LastAdministrator
            done = self.sessions.change_role(
                active,
                role,
                Effects(audit=(row(before),)),
                account=AccountChange(before, after),
                also=conditions,
            )
            return self.accounts.get(account_id) if done else CONFLICT

        return retry_on_conflict(attempt, reason="role contention")

    # Shared steps ----------------------------------------------------------------------------

    def _end(
        self,
        account_id: AccountId,
        session_ids: set[SessionId] | None,
        caller: Caller,
        context: RequestContext,
    ) -> Sequence[Session]:
        def decide(account: Account, active: Sequence[Session]) -> Ending:
            chosen = active
            if session_ids is not None:
                chosen = [session for session in active if session.id in session_ids]
                if not chosen:
                    raise _NoSessionsError
            action = Action.SESSIONS_REVOKED_BY_ADMIN
            targets = tuple(session.id for session in chosen)
            row = row_by(caller, account, context, own=action, by_admin=action, targets=targets)
            return Ending(
                sessions=chosen,
                reason=EndReason.REVOKED_BY_ADMIN,
                effects=Effects(audit=(row,)),
            )

        return self.ending.end(account_id, decide, context)

    def _find_all(
        self, criteria: SessionFilter, caller: Caller, context: RequestContext
    ) -> tuple[list[Session], bool]:
        criteria = replace(criteria, state=SessionState.ACTIVE)
        found: list[Session] = []
        cursor: str | None = None
        for _ in range(REVOCATION_PAGES):
            page = self._page(criteria, caller, context, limit=PAGE_MAX_ITEMS, cursor=cursor)
            found += [session for session in page.entries if session.id != caller.session_id]
            cursor = page.next_cursor
            if cursor is None:
                break
        return found, cursor is None

    def _page(
        self,
        criteria: SessionFilter,
        caller: Caller,
        context: RequestContext,
        *,
        limit: int,
        cursor: str | None,
    ) -> Slice[Session]:
        return self.search.sessions(
            criteria,
            lambda session: criteria.matches(session, context.now, self.idle_timeout),
            bound_to=caller.account_id,
            limit=limit,
            cursor=cursor,
        )

    def _record_search(
        self, action: Action, names: tuple[str, ...], caller: Caller, context: RequestContext
    ) -> None:
        own = self.accounts.get(caller.account_id)
        row = audit_row(action, own.audit, context, caller=caller, changed=names)
        self.audit.write(Effects(audit=(row,)))


class _NoSessionsError(Exception):
    """The sessions that were found have ended in the meantime."""

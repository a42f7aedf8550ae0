"""The status of an account: deletion, restoration, suspension.

Each change is one transaction of the status, the audit row, the end of all sessions and the outbox
messages. A concurrent sign-in cancels the transaction, and it is tried again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.account import AccountStatus
from latchkey.domain.audit import Action, audit_row
from latchkey.domain.changes import (
    AccountChange,
    DeletionCancelled,
    DeletionScheduled,
    TokenRedeemed,
)
from latchkey.domain.effects import Effects, OutboxMessage, Queue
from latchkey.domain.erasure import Deletion, DeletionDates, deletion_of, next_look
from latchkey.domain.errors import (
    AccountNotFound,
    ErasureStarted,
    LastAdministrator,
)
from latchkey.domain.ids import MessageId, ReceiptId
from latchkey.domain.limits import ERASURE_LOOK_AGAIN_SECONDS
from latchkey.domain.mail import AccountDeleted
from latchkey.domain.session import EndReason
from latchkey.domain.values import dataclass, replace
from latchkey.flows.acting import row_by
from latchkey.flows.conflicts import CONFLICT, Conflict, retry_on_conflict
from latchkey.flows.ending import Ending
from latchkey.flows.links import invalid_link

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from latchkey.domain.account import Account
    from latchkey.domain.audit import AuditRow
    from latchkey.domain.changes import Change
    from latchkey.domain.ids import AccountId
    from latchkey.domain.request import Caller, RequestContext
    from latchkey.domain.session import Session
    from latchkey.domain.single_use import SingleUseToken
    from latchkey.flows.ending import SessionEnding
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.administrators import Administrators


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeCycle:
    """The flow and its parts.

    grace       how long a deleted account can be restored
    restorable  whether the deletion email has a link to restore the account
    """

    accounts: AccountStore
    administrators: Administrators
    ending: SessionEnding
    grace: timedelta
    restorable: bool

    # Deletion --------------------------------------------------------------------------------

    def delete(
        self, account_id: AccountId, caller: Caller, context: RequestContext, *, hard: bool
    ) -> DeletionDates:
        """Delete an account. After the return all sessions have ended and sign-in is refused.

        hard  the erasure starts at once, and the account can't be restored

        A deleted account stays unchanged, except for a hard deletion.

        Raises AccountNotFound, LastAdministrator.
        """
        account = self._not_erasing(account_id)
        if account.status is AccountStatus.DELETED and not hard:
            return _deletion_dates(account)
        purge_at = context.now if hard else context.now + self.grace
        receipt_id = ReceiptId(context.new_id("era"))

        def after(before: Account) -> Account:
            return _deleted(before, context.now, purge_at, hard=hard)

        def decide(before: Account, active: Sequence[Session]) -> Ending:
            deletion = Deletion(
                account_id=account_id,
                receipt_id=receipt_id,
                requested_at=before.deleted_at or context.now,
                purge_at=purge_at,
                look_at=next_look(purge_at, ERASURE_LOOK_AGAIN_SECONDS if hard else 0),
            )
            return Ending(
                sessions=active,
                reason=EndReason.ACCOUNT_DELETED,
                effects=self._deletion_effects(before, caller, context, hard=hard),
                account=self._without_last_admin(before, after(before)),
                also=[DeletionScheduled(deletion)],
            )

        try:
            self.ending.end(account_id, decide, context, caller=caller)
        except _UnchangedError as unchanged:
            return _deletion_dates(unchanged.account)
        return DeletionDates(deleted_at=account.deleted_at or context.now, purge_at=purge_at)

    def _deletion_effects(
        self, before: Account, caller: Caller, context: RequestContext, *, hard: bool
    ) -> Effects:
        own_action, admin_action = _DELETION_ACTIONS[hard]
        row = row_by(caller, before, context, own=own_action, by_admin=admin_action)
        if hard:
            return Effects(audit=(row,), outbox=(erasure_message(before.id, context),))
        # Only an administrator can restore an account that an administrator deleted.
        own = caller.account_id == before.id
        mail = AccountDeleted(account_id=before.id, restorable=self.restorable and own)
        return Effects(audit=(row,), outbox=(mail.message(context),))

    def restore(self, account_id: AccountId, caller: Caller, context: RequestContext) -> Account:
        """Restore a deleted account. One that is not deleted stays unchanged.

        Raises AccountNotFound, and ErasureStarted after the erasure has begun.
        """

        def row(account: Account) -> AuditRow:
            action = Action.ACCOUNT_RESTORED_BY_ADMIN
            return row_by(caller, account, context, own=action, by_admin=action)

        return self._reactivate(
            account_id, AccountStatus.DELETED, context, after=_restored, row=row
        )

    def restore_by_link(self, token: SingleUseToken, context: RequestContext) -> Account:
        """Restore a deleted account with an emailed link, and redeem the link.

        Race: the second of two finds an account that is not deleted anymore.

        Raises AccountNotFound, ErasureStarted, and SingleUseTokenInvalid if the account has another
        deletion than the one in the email.
        """

        def row(account: Account) -> AuditRow:
            return audit_row(Action.ACCOUNT_RESTORED_BY_LINK, account.audit, context)

        def after(before: Account) -> Account:
            is_same_deletion = token.subject == deletion_of(before)
            if before.status is not AccountStatus.DELETED or not is_same_deletion:
                raise invalid_link()
            return _restored(before)

        return self._reactivate(
            token.account_id,
            AccountStatus.DELETED,
            context,
            after=after,
            row=row,
            also=[TokenRedeemed(token)],
        )

    # Suspension ------------------------------------------------------------------------------

    def suspend(self, account_id: AccountId, caller: Caller, context: RequestContext) -> Account:
        """Suspend an account: end all sessions and refuse sign-in. No data is removed.

        Raises AccountNotFound, ErasureStarted, LastAdministrator.
        """
        account = self._not_erasing(account_id)
        if account.suspended_at is not None:
            return account

        def after(before: Account) -> Account:
            if before.status is AccountStatus.ERASING:
                raise ErasureStarted
            if before.suspended_at is not None:
                raise _UnchangedError(before)
            deleted = before.status is AccountStatus.DELETED
            return replace(
                before,
                status=before.status if deleted else AccountStatus.SUSPENDED,
                suspended_at=context.now,
                updated_at=context.now,
            )

        def decide(before: Account, active: Sequence[Session]) -> Ending:
            action = Action.ACCOUNT_SUSPENDED_BY_ADMIN
            row = row_by(caller, before, context, own=action, by_admin=action)
            return Ending(
                sessions=active,
                reason=EndReason.ACCOUNT_SUSPENDED,
                effects=Effects(audit=(row,)),
                account=self._without_last_admin(before, after(before)),
            )

        try:
            self.ending.end(account_id, decide, context, caller=caller)
        except _UnchangedError as unchanged:
            return unchanged.account
        return self.accounts.get(account_id)

    def unsuspend(self, account_id: AccountId, caller: Caller, context: RequestContext) -> Account:
        """End a suspension. The owner signs in again. Raises AccountNotFound, ErasureStarted."""

        def row(account: Account) -> AuditRow:
            action = Action.ACCOUNT_UNSUSPENDED_BY_ADMIN
            return row_by(caller, account, context, own=action, by_admin=action)

        def after(before: Account) -> Account:
            suspended = before.status is AccountStatus.SUSPENDED
            return replace(
                before,
                status=AccountStatus.ACTIVE if suspended else before.status,
                suspended_at=None,
            )

        return self._reactivate(account_id, AccountStatus.SUSPENDED, context, after=after, row=row)

    # Shared steps ----------------------------------------------------------------------------

    def _reactivate(
        self,
        account_id: AccountId,
        status: AccountStatus,
        context: RequestContext,
        *,
        after: Callable[[Account], Account],
        row: Callable[[Account], AuditRow],
        also: Sequence[Change] = (),
    ) -> Account:
        def attempt() -> Account | Conflict:
            before = self._not_erasing(account_id)
            changed = replace(after(before), updated_at=context.now)
            if not _is_deactivated(before, status):
                return before
            cancelled = status is AccountStatus.DELETED
            done = self.accounts.reactivate(
                AccountChange(before, changed),
                Effects(audit=(row(before),)),
                also=[*also, *([DeletionCancelled(account_id)] if cancelled else [])],
            )
            return self.accounts.get(account_id) if done else CONFLICT

        return retry_on_conflict(attempt, reason="account contention")

    def _not_erasing(self, account_id: AccountId) -> Account:
        account = self.accounts.get(account_id)
        if account.status is AccountStatus.ERASING:
            raise ErasureStarted
        return account

    def _without_last_admin(self, before: Account, after: Account) -> Account:
        """Return `after`. Raises LastAdministrator if no administrator would be left."""
        leaves = before.is_working_admin and not after.is_working_admin
        if leaves and self.administrators.count() <= 1:
            # The condition of the write decides. This check gives the error.
            raise LastAdministrator
        return after


class _UnchangedError(Exception):
    """The account already has this status: another request was first."""

    def __init__(self, account: Account) -> None:
        super().__init__(account.id)
        self.account = account


_DELETION_ACTIONS = {
    False: (Action.ACCOUNT_DELETED, Action.ACCOUNT_DELETED_BY_ADMIN),
    True: (Action.ACCOUNT_ERASURE_ORDERED, Action.ACCOUNT_ERASURE_ORDERED_BY_ADMIN),
}


def erasure_message(account_id: AccountId, context: RequestContext) -> OutboxMessage:
    """Return the message that starts the erasure of an account."""
    return OutboxMessage(
        id=MessageId(context.new_id("out")), queue=Queue.PURGE, body={"account_id": account_id}
    )


def _deleted(before: Account, now: datetime, purge_at: datetime, *, hard: bool) -> Account:
    if before.status is AccountStatus.ERASING:
        raise AccountNotFound
    if before.status is AccountStatus.DELETED and not hard:
        raise _UnchangedError(before)
    return replace(
        before,
        status=AccountStatus.ERASING if hard else AccountStatus.DELETED,
        deleted_at=before.deleted_at or now,
        purge_at=purge_at,
        updated_at=now,
    )


def _restored(before: Account) -> Account:
    suspended = before.suspended_at is not None
    return replace(
        before,
        status=AccountStatus.SUSPENDED if suspended else AccountStatus.ACTIVE,
        deleted_at=None,
        purge_at=None,
    )


def _is_deactivated(account: Account, status: AccountStatus) -> bool:
    if status is AccountStatus.SUSPENDED:
        return account.suspended_at is not None
    return account.status is status


def _deletion_dates(account: Account) -> DeletionDates:
    if account.deleted_at is None or account.purge_at is None:
        msg = f"{account.id} is deleted without a date"
        raise RuntimeError(msg)
    return DeletionDates(deleted_at=account.deleted_at, purge_at=account.purge_at)

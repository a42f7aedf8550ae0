"""Checks that prevent writes for an account after its erasure has begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.account import AccountStatus
from latchkey.domain.errors import AccountNotFound
from latchkey.domain.ids import AccountId
from latchkey.storage import keys
from latchkey.storage.table import ABSENT, EXISTS, Check, Compare, ConditionFailed

if TYPE_CHECKING:
    from latchkey.storage.table import Put, Table

NOT_ERASING = EXISTS & Compare("status", "<>", AccountStatus.ERASING.value)
"""The account's item exists, and its erasure has not begun."""

_NOBODY = AccountId("nobody")


def not_erasing(account_id: AccountId | None) -> Check:
    """Return the check that an account exists and is not being erased.

    Add it to each transaction that writes something for an account and changes neither the account
    nor one of its sessions: a message, a link, a code, an upload. An erasure lists these items
    after it has begun, so it finds all of them.

    account_id  None for no account: the check always holds, and costs the same, so that its time
                reveals nothing

    Cost  2 WRU
    """
    if account_id is None:
        return Check(keys.account(_NOBODY), ABSENT)
    return Check(keys.account(account_id), NOT_ERASING)


def put_for_account(table: Table, account_id: AccountId, put: Put) -> None:
    """Write one item for an account. Raises AccountNotFound if it is erased or being erased."""
    check = not_erasing(account_id)
    try:
        table.transact([check, put])
    except ConditionFailed as failed:
        if failed.write == check:
            raise AccountNotFound from failed
        raise

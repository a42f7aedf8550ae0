"""What the authorizer reads and writes of accounts and sessions.

Apart from their stores, whose modules encode every change: these would double what the authorizer
loads in a cold start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.account import Account
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.errors import AccountNotFound
from latchkey.domain.session import Session
from latchkey.storage import keys
from latchkey.storage.records import from_item, to_item
from latchkey.storage.table import (
    EXISTS,
    Change,
    Compare,
    ConditionFailed,
    Lacks,
    Query,
    Update,
    read_all,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from latchkey.domain.ids import AccountId, SessionId
    from latchkey.domain.session import Use
    from latchkey.storage.table import Table


class AccountReader:
    """Reads accounts by their ids."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def get(self, account_id: AccountId) -> Account:
        """Read an account.

        Pattern      A1, by id
        Request      GetItem
        Consistency  strong
        Cost         1 RRU
        Raises       AccountNotFound
        """
        item = self._table.get(keys.account(account_id))
        if item is None:
            raise AccountNotFound
        return from_item(Account, item)

    def get_many(self, account_ids: Sequence[AccountId]) -> list[Account]:
        """Read up to 100 accounts. Unknown ones are omitted.

        Pattern      A10, the profiles that others see
        Request      BatchGetItem
        Consistency  strong
        Cost         1 RRU for each account
        """
        wanted = [keys.account(account_id) for account_id in dict.fromkeys(account_ids)]
        return [from_item(Account, item) for item in self._table.get_many(wanted)]


class SessionReader:
    """Reads sessions, and records their use."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def find(self, account_id: AccountId, session_id: SessionId) -> Session | None:
        """Read one session of an account, ended or not.

        Pattern      S1, authorize a request
        Request      GetItem
        Consistency  strong: a revocation applies to the next request
        Cost         1 RRU
        """
        item = self._table.get(keys.session(account_id, session_id))
        return None if item is None else from_item(Session, item)

    def list_by_account(self, account_id: AccountId) -> list[Session]:
        """List all stored sessions of an account, oldest first.

        Pattern      S2, list devices
        Request      Query
        Consistency  strong
        Cost         1 RRU per 4 KiB; 50 active and 50 ended sessions of 700 B are 18 RRU
        Bounds       SESSION_LIMIT active ones and ENDED_SESSIONS_KEPT others; no paging needed
        """
        query = Query(partition=keys.account_partition(account_id), prefix=keys.SESSION_PREFIX)
        return [from_item(Session, item) for item in read_all(self._table, query)]

    def touch(self, session: Session, at: datetime, generation: int, use: Use) -> None:
        """Record a use: the time, the origin and the generation.

        Pattern      S5, last activity
        Request      UpdateItem
        Cost         1 WRU; the caller decides from the item just read whether it is due, because a
                     condition that fails costs a unit as well
        Condition    the session exists, has not ended, and has seen no newer generation
        Race         a late update is dropped; it can't recreate a session
        """
        newest = max(generation, session.used_generation)
        change = Change(
            assign={
                "last_activity_at": to_milliseconds(at),
                "used_generation": newest,
                "last_use": to_item(use),
            }
        )
        condition = EXISTS & Lacks("ended_at") & Compare("used_generation", "<=", newest)
        try:
            self._table.update(
                Update(keys.session(session.account_id, session.id), change, condition)
            )
        except ConditionFailed:
            return

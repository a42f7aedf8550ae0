"""Confirmations of dry runs, before administrators end sessions by a filter."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.clock import to_milliseconds
from latchkey.domain.limits import REVOCATION_CONFIRMATION_SECONDS
from latchkey.storage import keys
from latchkey.storage.fences import put_for_account
from latchkey.storage.table import ABSENT, Delete, Put

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.ids import AccountId
    from latchkey.storage.table import Table, Value


class RevocationStore:
    """Valid confirmations."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def put_new(self, account_id: AccountId, confirmation: str, digest: str, now: datetime) -> None:
        """Store the confirmation of a dry run.

        Pattern      Y1, a dry run
        Request      TransactWriteItems
        Cost         4 WRU: confirmation and the account's check
        Condition    the administrator's account is not being erased
        Raises       AccountNotFound
        """
        expires = now + timedelta(seconds=REVOCATION_CONFIRMATION_SECONDS)
        attributes: dict[str, Value] = {
            "filter": digest,
            "expires_at": to_milliseconds(expires),
            "ttl": int(expires.timestamp()),
        }
        put = Put(keys.revocation(account_id, confirmation), attributes, ABSENT)
        put_for_account(self._table, account_id, put)

    def is_valid(
        self, account_id: AccountId, confirmation: str, digest: str, now: datetime
    ) -> bool:
        """Return whether this administrator has a valid confirmation of exactly this filter.

        Pattern      Y2, the revocation
        Request      GetItem
        Consistency  strong
        Cost         1 RRU
        """
        item = self._table.get(keys.revocation(account_id, confirmation))
        return (
            item is not None
            and item["filter"] == digest
            and int(str(item["expires_at"])) > to_milliseconds(now)
        )

    def use_up(self, account_id: AccountId, confirmation: str) -> None:
        """Remove a confirmation after its revocation.

        Pattern      Y3, the revocation is complete
        Request      DeleteItem
        Cost         1 WRU
        """
        self._table.delete(Delete(keys.revocation(account_id, confirmation)))

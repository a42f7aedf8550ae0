"""The history of consents. Rows are added in the change's transaction and never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.consent import Consent
from latchkey.storage import keys
from latchkey.storage.cursors import read_page
from latchkey.storage.records import from_item
from latchkey.storage.table import Query, read_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latchkey.domain.ids import AccountId
    from latchkey.domain.paging import Slice
    from latchkey.storage.table import Item, Table


class ConsentStore:
    """The consents of all accounts, each in its person's partition."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def page(self, account_id: AccountId, *, limit: int, cursor: str | None) -> Slice[Consent]:
        """Read one page of a person's decisions, newest first.

        Pattern      G1, list consents
        Request      Query
        Consistency  strong: the decision just made is in it
        Cost         1 RRU per 4 KiB; a page of 50 rows of 200 B is 3 RRU
        Bounds       limit rows
        Raises       InvalidCursor
        """
        query = Query(
            partition=keys.account_partition(account_id),
            prefix=keys.CONSENT_PREFIX,
            newest_first=True,
            limit=limit,
        )
        return read_page(self._table, query, _consent, pattern="consents", cursor=cursor)

    def all(self, account_id: AccountId) -> Iterator[Consent]:
        """Read a person's complete history lazily, oldest first.

        Pattern      G2, export
        Request      Query
        Consistency  strong
        Cost         1 RRU per 4 KiB
        """
        query = Query(partition=keys.account_partition(account_id), prefix=keys.CONSENT_PREFIX)
        return (_consent(item) for item in read_all(self._table, query))


def _consent(item: Item) -> Consent:
    return from_item(Consent, item)

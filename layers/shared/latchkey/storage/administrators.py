"""How many administrators there are who can work: a number, so that the last one can't be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.storage import keys
from latchkey.storage.table import Change, Compare, Update

if TYPE_CHECKING:
    from latchkey.domain.account import Account
    from latchkey.storage.table import Table, Write


class Administrators:
    """The administrators of one deployment."""

    def __init__(self, table: Table) -> None:
        """Keep their number in this table."""
        self._table = table

    def count(self) -> int:
        """Tell how many there are, active ones only.

        Pattern      M1, before one is suspended, deleted or demoted
        Request      GetItem
        Consistency  strong
        Cost         1 RRU
        """
        item = self._table.get(keys.administrators())
        return 0 if item is None else int(str(item["working"]))


def counted(before: Account, after: Account) -> list[Write]:
    """Make the write that keeps the number right, for the transaction that changes an account.

    Cost       2 WRU, and nothing when the change concerns no administrator
    Condition  one is left
    Race       of two administrators who remove each other, one transaction is cancelled
    """
    change = after.is_working_admin - before.is_working_admin
    if not change:
        return []
    condition = Compare("working", ">", 1) if change < 0 else None
    return [Update(keys.administrators(), Change(add={"working": change}), condition)]

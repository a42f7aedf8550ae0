"""The number of active administrators. `changes.admin_count_update` updates it and keeps one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.storage import keys

if TYPE_CHECKING:
    from latchkey.storage.table import Table


class Administrators:
    """The number of administrators."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def count(self) -> int:
        """Return the number of active administrators.

        Pattern      M1, before one is suspended, deleted or demoted
        Request      GetItem
        Consistency  strong
        Cost         1 RRU
        """
        item = self._table.get(keys.administrators())
        return 0 if item is None else int(str(item["working"]))

"""Audit rows that are written before the act they record: a read, or a change outside the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latchkey.domain.effects import Effects
    from latchkey.storage.effects import EffectWriter
    from latchkey.storage.table import Table


class AuditLog:
    """Records such rows."""

    def __init__(self, table: Table, effects: EffectWriter) -> None:
        """Use this table."""
        self._table = table
        self._effects = effects

    def write(self, effects: Effects) -> None:
        """Record a read by an administrator before its response, or a change outside the table.

        Pattern      U3, an administrator reads; U4, the trail is read; U8, the signing keys change
        Request      TransactWriteItems
        Cost         2 WRU, and 2 or 3 more for the row's indexes
        """
        self._table.transact(self._effects.writes(effects))

"""Rows of the trail that are written before what they tell of: a look, a change elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latchkey.domain.effects import Effects
    from latchkey.storage.effects import EffectWriter
    from latchkey.storage.table import Table


class AuditLog:
    """Where it is noted."""

    def __init__(self, table: Table, effects: EffectWriter) -> None:
        """Write to this table."""
        self._table = table
        self._effects = effects

    def write(self, effects: Effects) -> None:
        """Note that an administrator has looked, before they get to see it; or what is changed.

        Pattern      U3, an administrator reads; U4, the trail is read; U8, the signing keys change
        Request      TransactWriteItems
        Cost         2 WRU, and 2 or 3 more for the row's indexes
        """
        self._table.transact(self._effects.writes(effects))

"""A table in memory where something else happens right before a chosen request."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

from latchkey.storage.memory import MemoryTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from latchkey.storage.table import Item, Key, Page, Query, Update, Write


class InterruptedTable(MemoryTable):
    """Interrupt a transaction, or a read of one item.

    interruptions  how often it has happened
    """

    def __init__(self) -> None:
        """Interrupt nothing yet."""
        super().__init__()
        self.interruptions = 0
        self._before_read: tuple[Key, int, Callable[[], object]] | None = None
        self._before_write: Callable[[], object] | None = None
        self._before_query: tuple[str, Callable[[], object]] | None = None
        self._before_update: tuple[Key, Callable[[], object]] | None = None
        self._always = False

    def before_update(self, key: Key, act: Callable[[], object]) -> None:
        """Do this before the next update of an item, outside of transactions."""
        self._before_update = key, act

    def before_write(self, act: Callable[[], object], *, always: bool = False) -> None:
        """Do this before the next transaction, or before each one from now on."""
        self._before_write, self._always = act, always

    def before_read(self, key: Key, number: int, act: Callable[[], object]) -> None:
        """Do this before an item is read for this time, counted from one."""
        self._before_read = key, number, act

    def before_query(self, partition: str, act: Callable[[], object]) -> None:
        """Do this before the next query of a partition."""
        self._before_query = partition, act

    @override
    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        """See Table.get."""
        if self._before_read is not None and self._before_read[0] == key:
            _, number, act = self._before_read
            self._before_read = None if number == 1 else (key, number - 1, act)
            if number == 1:
                self._interrupt(act)
        return super().get(key, consistent=consistent)

    @override
    def query(self, query: Query) -> Page:
        """See Table.query."""
        if self._before_query is not None and self._before_query[0] == query.partition:
            act = self._before_query[1]
            self._before_query = None
            self._interrupt(act)
        return super().query(query)

    @override
    def update(self, update: Update) -> Item:
        """See Table.update."""
        if self._before_update is not None and self._before_update[0] == update.key:
            act = self._before_update[1]
            self._before_update = None
            self._interrupt(act)
        return super().update(update)

    @override
    def transact(self, writes: Sequence[Write]) -> None:
        """See Table.transact."""
        act = self._before_write
        if act is not None:
            self._before_write = None
            self._interrupt(act)
            if self._always:
                self._before_write = act
        super().transact(writes)

    def _interrupt(self, act: Callable[[], object]) -> None:
        self.interruptions += 1
        act()

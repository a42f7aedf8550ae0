"""A table that records its requests in order, for budgets of trips to DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

from latchkey.storage.memory import MemoryTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latchkey.storage.table import Delete, Item, Key, Page, Put, Query, Update, Write


class RecordingTable(MemoryTable):
    """The table in memory. `DynamoDBTable` sends one request for each of these calls.

    trips  of each call the operation and the families of its items
    """

    def __init__(self) -> None:
        """Start without a trip."""
        super().__init__()
        self.trips: list[str] = []

    def _record(self, operation: str, *names: str) -> None:
        self.trips.append(f"{operation} {', '.join(sorted(names))}")

    @override
    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        self._record("GetItem", _family(key))
        return super().get(key, consistent=consistent)

    @override
    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        self._record("BatchGetItem", *map(_family, keys))
        return super().get_many(keys)

    @override
    def query(self, query: Query) -> Page:
        self._record("Query", query.prefix)
        return super().query(query)

    @override
    def put(self, put: Put) -> None:
        self._record("PutItem", _family(put.key))
        super().put(put)

    @override
    def update(self, update: Update) -> Item:
        self._record("UpdateItem", _family(update.key))
        return super().update(update)

    @override
    def delete(self, delete: Delete) -> Item | None:
        self._record("DeleteItem", _family(delete.key))
        return super().delete(delete)

    @override
    def delete_many(self, keys: Sequence[Key]) -> None:
        self._record("BatchWriteItem", *map(_family, keys))
        super().delete_many(keys)

    @override
    def transact(self, writes: Sequence[Write]) -> None:
        self._record("TransactWriteItems", *(_family(write.key) for write in writes))
        super().transact(writes)


def _family(key: Key) -> str:
    """Return what an item is: the rule of a counter, or the first word of its key."""
    if key.pk.startswith("LIMIT#"):
        return key.pk.split("#")[1]
    if key.pk.startswith("ACCOUNT#"):
        return key.sk.partition("#")[0].lower()
    return key.pk.partition("#")[0].lower()

"""The table in memory, with one lock and one dictionary. For tests and experiments."""

from __future__ import annotations

import operator
import threading
from typing import TYPE_CHECKING, Any

from latchkey.observability import units
from latchkey.storage.capacity import item_bytes, read_units, write_units
from latchkey.storage.table import (
    All,
    AnyOf,
    Check,
    Compare,
    Condition,
    ConditionFailed,
    Delete,
    Has,
    Item,
    Key,
    Lacks,
    Page,
    Put,
    Query,
    Update,
    Write,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from latchkey.storage.table import Value

_OPERATORS = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _holds(condition: Condition | None, item: Item | None) -> bool:
    match condition:
        case None:
            return True
        case Has(name):
            return item is not None and name in item
        case Lacks(name):
            return item is None or name not in item
        case Compare():
            return _compares(condition, item or {})
        case All(parts):
            return all(_holds(part, item) for part in parts)
        case AnyOf(parts):
            return any(_holds(part, item) for part in parts)
        case _:
            raise TypeError(condition)


def _copied[T](value: T) -> T:
    """Copy lists and maps recursively. Other values are immutable."""
    if isinstance(value, dict):
        return {name: _copied(part) for name, part in value.items()}  # type: ignore[return-value]
    if isinstance(value, list):
        return [_copied(part) for part in value]  # type: ignore[return-value]
    return value


class MemoryTable:
    """Both tables and their indexes, with DynamoDB's atomicity but without durability.

    If it is metered, it counts the capacity units that DynamoDB bills, without those of index
    entries. This doubles the time of a call.
    """

    def __init__(self, *, metered: bool = False) -> None:
        """Start empty."""
        self._metered = metered
        self._items: dict[Key, Item] = {}
        self._lock = threading.RLock()

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        """See Table.get."""
        with self._lock:
            item = _copied(self._items.get(key))
        if self._metered:
            units.read += read_units(item_bytes(item or {}), consistent=consistent)
        return item

    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        """See Table.get_many."""
        with self._lock:
            found = [_copied(self._items[key]) for key in keys if key in self._items]
        if self._metered:
            # DynamoDB rounds up each item, and charges a missing one.
            units.read += sum(read_units(item_bytes(item), consistent=True) for item in found)
            units.read += len(keys) - len(found)
        return found

    def query(self, query: Query) -> Page:
        """See Table.query."""
        pk, sk = (f"{query.index}pk", f"{query.index}sk") if query.index else ("pk", "sk")
        with self._lock:
            found = [
                item
                for key, item in self._items.items()
                if key.table == query.table
                and item.get(pk) == query.partition
                and sk in item
                and _in_range(str(item[sk]), query)
            ]
            found.sort(key=lambda item: _position(item, sk), reverse=query.newest_first)
            if query.start_after is not None:
                start = _position(query.start_after, sk)
                found = [
                    item
                    for item in found
                    if (_position(item, sk) < start) == query.newest_first
                    and _position(item, sk) != start
                ]
            limit = query.limit or len(found)
            page = [_copied(item) for item in found[:limit]]
        if self._metered:
            size = sum(item_bytes(item) for item in page)
            units.read += read_units(size, consistent=query.reads_consistently)
        # Like DynamoDB, a page that reaches its limit has a next page, even if that is empty.
        full = query.limit is not None and len(page) == query.limit
        names = ["pk", "sk", *([pk, sk] if query.index else [])]
        return Page(page, {name: page[-1][name] for name in names} if full and page else None)

    def put(self, put: Put) -> None:
        """See Table.put."""
        with self._lock:
            self._commit([put], factor=1)

    def update(self, update: Update) -> Item:
        """See Table.update."""
        with self._lock:
            self._commit([update], factor=1)
            return _copied(self._items[update.key])

    def delete(self, delete: Delete) -> Item | None:
        """See Table.delete."""
        with self._lock:
            old = self._items.get(delete.key)
            self._commit([delete], factor=1)
            return old

    def delete_many(self, keys: Sequence[Key]) -> None:
        """See Table.delete_many."""
        with self._lock:
            for key in keys:
                self._commit([Delete(key)], factor=1)

    def transact(self, writes: Sequence[Write]) -> None:
        """See Table.transact."""
        keys = [write.key for write in writes]
        if len(set(keys)) != len(keys) or len(keys) > 100:  # noqa: PLR2004 - DynamoDB's own bound
            msg = "a transaction takes up to 100 writes, each of another item"
            raise ValueError(msg)
        with self._lock:
            self._commit(writes, factor=2)

    def _commit(self, writes: Sequence[Write], *, factor: int) -> None:
        """Write all or nothing. Every write of the table comes here.

        factor  how often a unit counts: twice in a transaction
        """
        for write in writes:
            item = self._items.get(write.key)
            if not _holds(write.when, item):
                if self._metered:
                    units.write += factor * len(writes)
                raise ConditionFailed(write, _copied(item))
        for write in writes:
            before = self._size(write.key)
            self._apply(write)
            if self._metered:
                units.write += factor * write_units(before, self._size(write.key))

    def _size(self, key: Key) -> int:
        return item_bytes(self._items.get(key) or {}) if self._metered else 0

    def _apply(self, write: Write) -> None:
        match write:
            case Put(key, attributes):
                item = {"pk": key.pk, "sk": key.sk, **_copied(dict(attributes))}
                self._items[key] = item
            case Update(key, change):
                item = self._items.setdefault(key, {"pk": key.pk, "sk": key.sk})
                item.update(_copied(dict(change.assign)))
                for name, amount in change.add.items():
                    stored = item.get(name, 0)
                    if not isinstance(stored, int):
                        raise TypeError(name)
                    item[name] = stored + amount
                for name in change.drop:
                    item.pop(name, None)
            case Delete(key):
                self._items.pop(key, None)
            case Check():
                pass

    def all_items(self) -> list[Item]:
        """All items of both tables, for tests."""
        with self._lock:
            return _copied(list(self._items.values()))


def _compares(condition: Compare, item: Item) -> bool:
    stored: Any = item.get(condition.name)
    expected: Any = condition.value
    if condition.name not in item or _kind(stored) is not _kind(expected):
        return condition.operator == "<>"
    return bool(_OPERATORS[condition.operator](stored, expected))


def _kind(value: object) -> type:
    """Return the DynamoDB type of a value. Enumerations are strings."""
    kinds = (bool, int, str, bytes, list, dict, type(None))
    return next(kind for kind in kinds if isinstance(value, kind))


def _in_range(sort_key: str, query: Query) -> bool:
    if query.between is not None:
        low, high = query.between
        return low <= sort_key <= high
    return sort_key.startswith(query.prefix)


def _position(item: Mapping[str, Value], sk: str) -> tuple[str, str, str]:
    return str(item[sk]), str(item["pk"]), str(item["sk"])

"""The port that every store is written against: a table of items under a partition and a sort key.

Two engines implement it: `dynamodb.DynamoDBTable` and `memory.MemoryTable`. Conditions and changes
are data, not expression strings, so that both engines understand the same ones; one contract suite
(`tests/storage/test_table.py`) holds them together on memory, on moto and on the emulator.

Values are str, int, bool, bytes, None, lists and string-keyed maps of these.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

type Value = str | int | bool | bytes | list[Value] | dict[str, Value] | None
type Item = dict[str, Value]

TableName = Literal["main", "audit"]
IndexName = Literal["gsi1", "gsi2", "gsi3"]


@dataclass(frozen=True, slots=True)
class Key:
    """The address of one item. Only `keys.py` makes them."""

    pk: str
    sk: str
    table: TableName = "main"


# Conditions ----------------------------------------------------------------------------------

type Operator = Literal["=", "<>", "<", "<=", ">", ">="]


class Condition:
    """What must hold of the stored item for a write to happen; join with `&` and `|`."""

    def __and__(self, other: Condition) -> Condition:
        """Both."""
        return All((self, other))

    def __or__(self, other: Condition) -> Condition:
        """Either."""
        return AnyOf((self, other))


@dataclass(frozen=True, slots=True)
class Compare(Condition):
    """An attribute compared with a value; false where the attribute is absent."""

    name: str
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Has(Condition):
    """The attribute is there."""

    name: str


@dataclass(frozen=True, slots=True)
class Lacks(Condition):
    """The attribute is not there (or the item is not)."""

    name: str


@dataclass(frozen=True, slots=True)
class All(Condition):
    """Every one holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    """At least one holds."""

    parts: tuple[Condition, ...]


EXISTS = Has("pk")
ABSENT = Lacks("pk")


def equals(name: str, value: Value) -> Condition:
    """`name` has exactly this value."""
    return Compare(name, "=", value)


# Writes --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an update does: assign attributes, add to numbers (absent counts as 0), drop some."""

    assign: Mapping[str, Value] = field(default_factory=dict)
    add: Mapping[str, int] = field(default_factory=dict)
    drop: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Put:
    """Write a whole item."""

    key: Key
    attributes: Mapping[str, Value]
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Change an item; without a condition it is created where it is absent."""

    key: Key
    change: Change
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an item; removing an absent one is no error unless a condition says so."""

    key: Key
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Write nothing, but let the transaction fail unless the condition holds."""

    key: Key
    when: Condition


type Write = Put | Update | Delete | Check


class ConditionFailed(Exception):
    """A write's condition did not hold, and nothing of its transaction was written.

    write  the first one that failed
    item   what was stored under its key at that moment, or None
    """

    def __init__(self, write: Write, item: Item | None) -> None:
        """Keep both."""
        super().__init__(f"{type(write).__name__} {write.key.table}")
        self.write = write
        self.item = item


# Reads ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A range of one partition, in the order of its sort keys.

    prefix         what the sort keys start with
    between        inclusive bounds of the sort keys, instead of a prefix
    start_after    the last key of the page before
    index          a global secondary index; reads of it are eventually consistent
    """

    partition: str
    prefix: str = ""
    between: tuple[str, str] | None = None
    newest_first: bool = False
    limit: int | None = None
    start_after: Mapping[str, Value] | None = None
    table: TableName = "main"
    index: IndexName | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some items, and where the next page starts (None: there is none)."""

    items: list[Item]
    next_start: dict[str, Value] | None


class Table(Protocol):
    """What a store may ask of storage.

    Every method raises TemporarilyUnavailable when storage does not answer or throttles.
    """

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        """Read one item. Cost: 1 read unit per 4 KiB, half of it when not consistent."""
        ...

    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        """Read up to 100 items, strongly, those that exist, in the order of the keys."""
        ...

    def query(self, query: Query) -> Page:
        """Read one page, strongly unless through an index. Cost: by the page's summed size."""
        ...

    def put(self, put: Put) -> None:
        """Write an item. Cost: 1 write unit per KiB, also when the condition fails.

        Raises ConditionFailed. A retry that finds this very write already done is a success.
        """
        ...

    def update(self, update: Update) -> Item:
        """Change an item and return it as it is now. Cost and own-write rule as for `put`."""
        ...

    def delete(self, delete: Delete) -> Item | None:
        """Remove an item and return what it was."""
        ...

    def delete_many(self, keys: Sequence[Key]) -> None:
        """Remove any number of items, in no order, not atomically; absent ones are no error."""
        ...

    def transact(self, writes: Sequence[Write]) -> None:
        """Do all of up to 100 writes, or none. Cost: 2 write units per KiB of each.

        Raises ConditionFailed for the first write whose condition did not hold.
        """
        ...


def read_all(table: Table, query: Query) -> Iterator[Item]:
    """Read every page of a query, lazily."""
    start = query.start_after
    while True:
        page = table.query(
            Query(
                partition=query.partition,
                prefix=query.prefix,
                between=query.between,
                newest_first=query.newest_first,
                limit=query.limit,
                start_after=start,
                table=query.table,
                index=query.index,
            )
        )
        yield from page.items
        if page.next_start is None:
            return
        start = page.next_start

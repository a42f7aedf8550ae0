"""The port of all stores: a table of items with a partition key and a sort key.

Two engines implement it: `dynamodb.DynamoDBTable` and `memory.MemoryTable`. Conditions and changes
are data, not expression strings, so that both engines understand the same ones; one contract suite
(`tests/storage/test_table.py`) tests them on memory, on moto and on the emulator.

Values are str, int, bool, bytes, None, lists and string-keyed maps of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from latchkey.domain.values import dataclass, field, replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

type Value = str | int | bool | bytes | list[Value] | dict[str, Value] | None
type Item = dict[str, Value]

TableName = Literal["main", "audit"]
IndexName = Literal["gsi1", "gsi2", "gsi3"]


@dataclass(frozen=True, slots=True)
class Key:
    """The key of one item. Only `keys.py` creates them."""

    pk: str
    sk: str
    table: TableName = "main"


# Conditions ----------------------------------------------------------------------------------

type Operator = Literal["=", "<>", "<", "<=", ">", ">="]


class Condition:
    """A condition on the stored item of a write. Combine with `&` and `|`."""

    def __and__(self, other: Condition) -> Condition:
        """Both."""
        return All((self, other))

    def __or__(self, other: Condition) -> Condition:
        """Either."""
        return AnyOf((self, other))


@dataclass(frozen=True, slots=True)
class Compare(Condition):
    """An attribute compared with a value; where it is absent only `<>` is true, as in DynamoDB."""

    name: str
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Has(Condition):
    """The attribute exists."""

    name: str


@dataclass(frozen=True, slots=True)
class Lacks(Condition):
    """The attribute does not exist (or the item does not)."""

    name: str


@dataclass(frozen=True, slots=True)
class All(Condition):
    """Every condition holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    """At least one condition holds."""

    parts: tuple[Condition, ...]


EXISTS = Has("pk")
ABSENT = Lacks("pk")


def equals(name: str, value: Value) -> Condition:
    """`name` has exactly this value."""
    return Compare(name, "=", value)


# Writes --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The changes of an update: set attributes, add to numbers (absent is 0), remove some."""

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
    """Change an item. Without a condition it is created if absent."""

    key: Key
    change: Change
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an item. Removing an absent one is an error only if a condition says so."""

    key: Key
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Write nothing, but fail the transaction unless the condition holds."""

    key: Key
    when: Condition


type Write = Put | Update | Delete | Check


class ConditionFailed(Exception):
    """The condition of a write did not hold. Nothing of its transaction was written.

    write  the first one that failed
    item   what was stored under its key at that moment, or None
    """

    def __init__(self, write: Write, item: Item | None) -> None:
        """Store both."""
        super().__init__(f"{type(write).__name__} {write.key.table}")
        self.write = write
        self.item = item


# Reads ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A range of one partition, in the order of its sort keys.

    prefix         what the sort keys start with
    between        inclusive bounds of the sort keys, instead of a prefix
    start_after    the last key of the previous page
    index          a global secondary index; reads of it are eventually consistent
    consistent     strong consistency, which costs twice as much; False for an index
    """

    partition: str
    prefix: str = ""
    between: tuple[str, str] | None = None
    newest_first: bool = False
    limit: int | None = None
    start_after: Mapping[str, Value] | None = None
    table: TableName = "main"
    index: IndexName | None = None
    consistent: bool = True

    @property
    def reads_consistently(self) -> bool:
        """Whether the read has strong consistency."""
        return self.consistent and self.index is None


@dataclass(frozen=True, slots=True)
class Page:
    """Some items, and the start of the next page (None on the last one)."""

    items: list[Item]
    next_start: dict[str, Value] | None


class Table(Protocol):
    """The operations of the table.

    Every method raises TemporarilyUnavailable if storage does not respond or throttles.
    """

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        """Read one item. Cost: 1 read unit per 4 KiB, half of it when not consistent."""
        ...

    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        """Read up to 100 items with strong consistency. Missing ones are omitted."""
        ...

    def query(self, query: Query) -> Page:
        """Read one page. Cost: 1 read unit per 4 KiB, half of it without strong consistency."""
        ...

    def put(self, put: Put) -> None:
        """Write an item. Cost: 1 write unit per KiB, also when the condition fails.

        Raises ConditionFailed. A retry after this write has already happened is a success.
        """
        ...

    def update(self, update: Update) -> Item:
        """Change an item and return its new state. Cost and retries as for `put`."""
        ...

    def delete(self, delete: Delete) -> Item | None:
        """Remove an item and return its old state."""
        ...

    def delete_many(self, keys: Sequence[Key]) -> None:
        """Remove any number of items without order or atomicity. Missing ones are not an error."""
        ...

    def transact(self, writes: Sequence[Write]) -> None:
        """Write up to 100 items, or none. Cost: 2 write units per KiB of each.

        Raises ConditionFailed for the first write whose condition did not hold.
        """
        ...


def read_all(table: Table, query: Query) -> Iterator[Item]:
    """Read every page of a query, lazily."""
    start = query.start_after
    while True:
        page = table.query(replace(query, start_after=start))
        yield from page.items
        if page.next_start is None:
            return
        start = page.next_start

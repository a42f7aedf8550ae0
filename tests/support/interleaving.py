"""Interleaves two operations: one is paused between two of its steps while the other runs.

A step is a read or a write of the table, or a use of the files, pictures or keys beside it. The
second operation runs to its end inside the pause, so that everything is deterministic and in one
thread. `interleavings` names the pauses that can make a difference; `World.run` makes one happen
and returns what happened, for `tests.support.invariants` to judge.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, override

from latchkey.storage.memory import MemoryTable
from latchkey.storage.table import Check, Delete, Key, Put, Query, Update, Write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from latchkey.storage.table import Item, Page

Actor = Literal["first", "second"]

type Place = tuple[str, str, str, str]
"""What is read or written: table, index ("" for none), partition and sort key."""

INDEXES = ("gsi1", "gsi2", "gsi3")


@dataclass(frozen=True, slots=True)
class Range:
    """A query's part of a partition."""

    table: str
    index: str
    partition: str
    low: str
    high: str

    def has(self, place: Place) -> bool:
        table, index, partition, sort_key = place
        same = (table, index, partition) == (self.table, self.index, self.partition)
        return same and self.low <= sort_key <= self.high


@dataclass(slots=True)
class Step:
    """One step of an operation.

    committed  the writes that happened, with each item before and after; None for a read, and for
               a transaction that was cancelled
    """

    actor: Actor
    reads: frozenset[Place] = frozenset()
    ranges: tuple[Range, ...] = ()
    writes: frozenset[Place] = frozenset()
    committed: Commit | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """Writes that happened together."""

    writes: tuple[Write, ...]
    before: Mapping[Key, Any]
    after: Mapping[Key, Any]


def conflict(one: Step, other: Step) -> bool:
    """Whether it can make a difference which of two steps comes first."""
    return _touches(one.writes, other) or _touches(other.writes, one)


def _touches(writes: frozenset[Place], step: Step) -> bool:
    if not writes:
        return False
    if not writes.isdisjoint(step.reads) or not writes.isdisjoint(step.writes):
        return True
    return any(r.has(place) for r in step.ranges for place in writes)


class InterleavingTable(MemoryTable):
    """The table in memory, which knows whose step comes next and can run something before it."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self.actor: Actor | None = None
        self._inside = False
        self._pause_before: int | None = None
        self._meanwhile: Callable[[], None] = lambda: None

    # Snapshots -------------------------------------------------------------------------------

    def snapshot(self) -> dict[Key, Item]:
        """Return everything as it is now. A write replaces an item, so a snapshot shares them."""
        return dict(self._items)

    def restore(self, items: Mapping[Key, Item]) -> None:
        """Go back to a snapshot."""
        self._items = dict(items)

    def replay(self, steps: Sequence[Step]) -> None:
        """Do steps that were recorded, with the writes that they made then."""
        for step in steps:
            self.steps.append(step)
            for key, item in step.committed.after.items() if step.committed else ():
                if item is None:
                    self._items.pop(key, None)
                else:
                    self._items[key] = item

    @override
    def _apply(self, write: Write) -> None:
        item = self._items.get(write.key)
        if item is not None:
            self._items[write.key] = dict(item)
        super()._apply(write)

    @property
    def items(self) -> Mapping[Key, Item]:
        """Everything, as it is; for reading."""
        return self._items

    # Scheduling ------------------------------------------------------------------------------

    def run(
        self, first: Callable[[], None], second: Callable[[], None], pause_before: int
    ) -> list[Step]:
        """Run both, the second one before this step of the first, or after its last one."""
        self.steps = []
        self._pause_before, self._meanwhile = pause_before, second
        self.actor = "first"
        try:
            first()
            self._pause()
        finally:
            self.actor = None
        return self.steps

    def _pause(self) -> None:
        if self._pause_before is None:
            return
        self._pause_before = None
        self.actor = "second"
        try:
            self._meanwhile()
        finally:
            self.actor = "first"

    def step[T](self, step: Callable[[Actor], Step], action: Callable[[], T]) -> T:
        """Do one step, after the pause if it is due."""
        if self.actor is None or self._inside:
            return action()
        if self.actor == "first" and self._pause_before == len(self.steps):
            self._pause()
        made = step(self.actor)
        self.steps.append(made)
        self._inside = True
        try:
            return action()
        finally:
            self._inside = False

    # The table -------------------------------------------------------------------------------

    @override
    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        read = frozenset({place(key)})
        return self.step(lambda actor: Step(actor, reads=read), lambda: MemoryTable.get(self, key))

    @override
    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        keys = list(keys)
        read = frozenset(place(key) for key in keys)
        return self.step(
            lambda actor: Step(actor, reads=read), lambda: MemoryTable.get_many(self, keys)
        )

    @override
    def query(self, query: Query) -> Page:
        low, high = query.between or (query.prefix, query.prefix + "\U0010ffff")
        read = Range(query.table, query.index or "", query.partition, low, high)
        return self.step(
            lambda actor: Step(actor, ranges=(read,)), lambda: MemoryTable.query(self, query)
        )

    @override
    def put(self, put: Put) -> None:
        self._write([put], lambda: MemoryTable.put(self, put))

    @override
    def update(self, update: Update) -> Item:
        return self._write([update], lambda: MemoryTable.update(self, update))

    @override
    def delete(self, delete: Delete) -> Item | None:
        return self._write([delete], lambda: MemoryTable.delete(self, delete))

    @override
    def delete_many(self, keys: Sequence[Key]) -> None:
        deletes = [Delete(key) for key in keys]
        self._write(deletes, lambda: MemoryTable.delete_many(self, keys))

    @override
    def transact(self, writes: Sequence[Write]) -> None:
        self._write(list(writes), lambda: MemoryTable.transact(self, writes))

    def _write[T](self, writes: Sequence[Write], action: Callable[[], T]) -> T:
        if self.actor is None or self._inside:
            return action()
        keys = [write.key for write in writes]
        made: list[Step] = []

        def begin(actor: Actor) -> Step:
            made.append(Step(actor, reads=frozenset(place(key) for key in keys)))
            before.update({key: self._items.get(key) for key in keys})
            return made[0]

        before: dict[Key, Item | None] = {}
        result = self.step(begin, action)
        after = {key: self._items.get(key) for key in keys}
        changed = [write.key for write in writes if not isinstance(write, Check)]
        touched: set[Place] = set()
        for key in changed:
            touched |= _places(key, before[key]) | _places(key, after[key])
        made[0].writes = frozenset(touched)
        made[0].committed = Commit(tuple(writes), before, after)
        return result


def place(key: Key) -> Place:
    return (key.table, "", key.pk, key.sk)


def _places(key: Key, item: Item | None) -> set[Place]:
    found = {place(key)}
    for index in INDEXES:
        if item is not None and f"{index}pk" in item:
            found.add((key.table, index, str(item[f"{index}pk"]), str(item[f"{index}sk"])))
    return found


class Watched:
    """Something beside the table: each call of a method is a step on the whole of it.

    writing  the methods that change it
    """

    def __init__(
        self, inner: Any, name: str, table: InterleavingTable, writing: frozenset[str]
    ) -> None:
        self.inner = inner
        self._place = frozenset({(name, "", "", "")})
        self._table = table
        self._writing = writing

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        if not callable(value):
            return value
        writes = self._place if name in self._writing else frozenset()

        def call(*arguments: Any, **options: Any) -> Any:
            return self._table.step(
                lambda actor: Step(actor, reads=self._place, writes=writes),
                lambda: value(*arguments, **options),
            )

        return call


@dataclass(slots=True)
class Outcome:
    """How an operation ended.

    code  of the error, or "OK"; for a worker, how its message or its run ended
    retry whether the answer tells to come again (503 with Retry-After, a message that comes again)
    """

    status: int
    code: str = "OK"
    retry: bool = False
    data: Any = None


@dataclass(frozen=True, slots=True)
class Change:
    """An item that has changed, with its places before and after."""

    key: Key
    item: Any
    places: set[Place]


@dataclass(frozen=True, slots=True)
class Found:
    """What other steps have changed before an operation begins or goes on.

    stores  beside the table
    """

    items: tuple[Change, ...] = ()
    stores: frozenset[str] = frozenset()

    @classmethod
    def after(
        cls, steps: Sequence[Step], before: Mapping[Key, Any], now: Mapping[Key, Any]
    ) -> Found:
        """Return what these steps have changed."""
        keys = dict.fromkeys(key for s in steps if s.committed for key in s.committed.after)
        pairs = ((key, before.get(key), now.get(key)) for key in keys)
        return cls(
            tuple(
                Change(key, new, _places(key, old) | _places(key, new))
                for key, old, new in pairs
                if old != new
            ),
            frozenset(stores_written(steps)),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """What an operation did. It does the same wherever it reads the same.

    seen   the changed items that it read, by key or in a query
    parts  what it left in the stores beside the table
    """

    steps: list[Step]
    outcome: Outcome
    seen: Mapping[Key, Any]
    parts: list[Any]
    reads: frozenset[Place]
    ranges: list[Range]

    @classmethod
    def of(cls, steps: list[Step], outcome: Outcome, found: Found, parts: list[Any]) -> Recording:
        reads = frozenset(place for step in steps for place in step.reads)
        ranges = list(dict.fromkeys(r for step in steps for r in step.ranges))
        return cls(steps, outcome, _seen(found, reads, ranges), parts, reads, ranges)

    def fits(self, found: Found) -> bool:
        """Return whether it reads the same there."""
        if self.reads_one_of(found.stores):
            return False
        return _seen(found, self.reads, self.ranges) == self.seen

    def reads_one_of(self, stores: Iterable[str]) -> bool:
        """Return whether it uses one of these stores."""
        return any((store, "", "", "") in self.reads for store in stores)


def _seen(found: Found, reads: frozenset[Place], ranges: list[Range]) -> dict[Key, Any]:
    return {
        change.key: change.item
        for change in found.items
        if not change.places.isdisjoint(reads)
        or any(r.has(place) for r in ranges for place in change.places)
    }


def stores_written(steps: Iterable[Step]) -> set[str]:
    """Return the stores beside the table that the steps have changed."""
    return {store for step in steps for store, _, partition, _ in step.writes if not partition}


@dataclass(slots=True, kw_only=True)
class Run:
    """What happened: both outcomes, and each step in the order in which it happened.

    now       when all of it happened, in milliseconds; `idle` is the idle timeout
    failures  exceptions that nobody expected
    parts     what the first operation did after its pause, and the second one: the same objects
              in two runs in which both did the same
    """

    world: str
    first: str
    second: str
    pause_before: int
    before: Mapping[Key, Any]
    now: int
    idle: int
    session_limit: int
    after: Mapping[Key, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    outcomes: dict[Actor, Outcome] = field(default_factory=dict)
    failures: list[BaseException] = field(default_factory=list)
    parts: list[Recording] = field(default_factory=list)

    @override
    def __str__(self) -> str:
        """Name it."""
        return f"{self.world}: {self.first} | {self.second} before step {self.pause_before}"

    def name(self, actor: Actor) -> str:
        """Which operation that is."""
        return self.first if actor == "first" else self.second

    def commits(self) -> Iterator[tuple[int, Actor, Commit]]:
        """Every write that happened, with its position among all steps."""
        for number, step in enumerate(self.steps):
            if step.committed is not None:
                yield number, step.actor, step.committed


def pauses(first: Sequence[Step], second: Sequence[Step]) -> int | None:
    """The first step of `first` that conflicts with `second`; None if there is none."""
    for number, step in enumerate(first):
        if any(conflict(step, other) for other in second):
            return number
    return None

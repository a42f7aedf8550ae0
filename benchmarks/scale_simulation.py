"""Simulates the audit trail's consumers under load, floods and outages.

    PYTHONPATH=.:layers/shared python -m benchmarks.scale_simulation [SECONDS]

One of PARTS equal parts of a deployment at the goal: a shard of the audit table's stream, and its
share of the log. The functions are the project's own, on a table in memory. What AWS limits is
charged to them as simulated time:

    partition   1,000 write and 3,000 read units a second, shared by all parts; a request waits
    request     REQUEST_SECONDS for each request to DynamoDB or S3
    processor   measured here, divided by the share that the function's memory gives
    stream      a shard has one batch at a time: by size, or after the batching window
"""

from __future__ import annotations

import io
import json
import logging
import math
import random
import sys
import time
from collections import defaultdict, deque
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, override

from latchkey.domain.audit import Action, AuditRecord
from latchkey.domain.ids import RowId, SessionId, SubjectId, new_ordered_id
from latchkey.events.audit_feeds import chain_stream_records, record_request_lines
from latchkey.observability import logger
from latchkey.storage.audit_rows import row_put
from latchkey.storage.capacity import item_bytes, read_units, write_units
from latchkey.storage.memory import MemoryTable
from latchkey.storage.table import Page
from latchkey.wiring.audit import audit_chain, request_trail
from tests.support.audit import MemoryVault, captured_log, log_event, stream_event
from tests.support.person import ME, Person
from tests.support.service import InProcessService
from tools.template import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from latchkey.storage.table import Item, Key, Query, Write

PARTS = 8
"""Shards of the stream at the goal: each takes 1,000 write units, and the table needs 6,000."""

SHARING = {"CHAIN": PARTS / 4, "SUBJECT": 1.0}
"""How many parts share a partition, by its kind; else all do. Each chain has two shards."""

PARTITION_WRITES, PARTITION_READS = 1000, 3000
REQUEST_SECONDS = 0.005
PROCESSOR_MB = 1769
"""Memory that gives a function one processor (AWS Lambda Developer Guide, "Memory")."""

LINES_A_DELIVERY = 100
ROWS_PREFIXES = ("SUBJECT#", "REQUESTS#", "READS#")
START = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Events a second of the whole deployment."""

    reads: int
    refusals: int
    changes: int
    anonymous: int


MIX = Traffic(reads=4_750, refusals=150, changes=2_100, anonymous=250)
"""5,000 requests of the ordinary mix, and the rows of 1,000 sign-ins and 1,000 sign-outs."""

FLOOD = Traffic(reads=4_750, refusals=150, changes=2_100, anonymous=20_000)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Traffic for a time, and the time of an outage of a consumer in it."""

    name: str
    traffic: Traffic
    outage: tuple[float, float] = (0.0, 0.0)
    """Start and end, as parts of the whole time."""


SCENARIOS = (
    Scenario("the mix", MIX),
    Scenario("a flood of 20,000 anonymous requests a second", FLOOD),
    Scenario("no chaining for a third of the time", MIX, outage=(0.1, 0.43)),
)


class LimitedTable(MemoryTable):
    """A table in memory with the time that DynamoDB's limits cost.

    spent  seconds that the running function has waited for requests
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.spent = 0.0
        self.stream: list[tuple[Key, Item]] = []
        self.used: dict[str, float] = defaultdict(float)
        self._free_at: dict[tuple[str, str], float] = defaultdict(float)
        self._partitions: dict[tuple[str, str], dict[str, Item]] = defaultdict(dict)

    @override
    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        item = super().get(key, consistent=consistent)
        self._charge("reads", key.pk, read_units(item_bytes(item or {}), consistent=consistent))
        return item

    @override
    def query(self, query: Query) -> Page:
        """Read a page of a partition in the order of its keys; the chain asks for nothing else."""
        items = self._partitions[query.table, query.partition]
        low, high = query.between or (query.prefix, query.prefix + "\uffff")
        names = sorted((sk for sk in items if low <= sk <= high), reverse=query.newest_first)
        # All pages of a range at once: the memory is not the question here.
        page = [items[sk] for sk in (names[:1] if query.limit == 1 else names)]
        units = read_units(sum(map(item_bytes, page)), consistent=True)
        self._charge("reads", query.partition, units)
        return Page(page, None)

    @override
    def _commit(self, writes: Sequence[Write], *, factor: int) -> None:
        super()._commit(writes, factor=factor)
        self.spent += REQUEST_SECONDS
        for write in writes:
            item = self._items.pop(write.key)
            kept = self._partitions[write.key.table, write.key.pk]
            kept[write.key.sk] = item
            if write.key.pk.startswith(ROWS_PREFIXES):
                self.stream.append((write.key, item))
                kept.clear()  # nothing reads a row
            self._charge("writes", write.key.pk, factor * write_units(0, item_bytes(item)))

    def _charge(self, kind: str, partition: str, units: float) -> None:
        if kind == "reads":
            self.spent += REQUEST_SECONDS
        whose = partition.partition("#")[0]
        whole = PARTITION_WRITES if kind == "writes" else PARTITION_READS
        limit = whole / SHARING.get(whose, PARTS)
        at = self.now + self.spent
        free_at = max(self._free_at[kind, partition], at - 1) + units / limit
        self._free_at[kind, partition] = free_at
        self.used[f"{kind} {whose}"] += units
        self.spent += max(0.0, free_at - at)


@dataclass(slots=True)
class Function:
    """A Lambda function: its memory, and what its runs have cost."""

    name: str
    memory: int
    seconds: float = 0.0
    processor: float = 0.0
    slowest: float = 0.0
    runs: int = 0

    def run(self, table: LimitedTable, at: float, call: Callable[[], object]) -> float:
        """Run it at a simulated time. Returns how long it takes."""
        table.now, table.spent = at, 0.0
        begun = time.process_time()
        call()
        processor = time.process_time() - begun
        seconds = processor * max(1.0, PROCESSOR_MB / self.memory) + table.spent
        self.runs += 1
        self.processor += processor
        self.seconds += seconds
        self.slowest = max(self.slowest, seconds)
        return seconds


@dataclass(slots=True)
class Shard:
    """A shard of the stream and its event source mapping."""

    batch: int
    window: float
    waiting: deque[tuple[float, int, Item]] = field(default_factory=deque)
    free_at: float = 0.0
    sequence: int = 0

    def add(self, at: float, items: Iterable[Item]) -> None:
        """Add records."""
        for item in items:
            self.sequence += 1
            self.waiting.append((at, self.sequence, item))

    def due(self, now: float) -> float | None:
        """Return when the next batch is delivered, if that is not after `now`."""
        if not self.waiting:
            return None
        oldest = self.waiting[0][0]
        full = len(self.waiting) >= self.batch
        at = max(self.free_at, oldest if full else oldest + self.window)
        return at if at <= now else None


@dataclass(slots=True)
class Result:
    """The numbers of a scenario.

    delay     longest time from a row to its block, in seconds
    recovery  seconds from the end of the outage until nothing waits
    """

    rows: int = 0
    lines: int = 0
    delay: float = 0.0
    recovery: float | None = None


class Simulation:
    """One part of a deployment."""

    def __init__(self, scenario: Scenario, seconds: int, seed: int = 1) -> None:
        """Prepare the service, and templates of its log lines."""
        self.scenario, self.seconds = scenario, seconds
        self.random = random.Random(seed)  # noqa: S311 - traffic, not secrets
        resources = load()["Resources"]
        mapping = resources["ChainAuditFunction"]["Properties"]["Events"]["Rows"]["Properties"]
        self.shard = Shard(mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"])
        self.recorder = _function("record_requests", resources["RecordRequestsFunction"])
        self.chainer = _function("chain_audit", resources["ChainAuditFunction"])
        self.templates = _templates()
        self.table = LimitedTable()
        self.service = InProcessService(table=self.table)
        self.service.services[audit_chain]  # ready before the first measurement
        self.result = Result()

    def run(self) -> Result:
        """Run it second by second, then until everything is chained."""
        level = logger.log_level
        logger.setLevel(logging.CRITICAL)
        try:
            self._run()
        finally:
            logger.setLevel(level)
        return self.result

    def _run(self) -> None:
        first, last = (part * self.seconds for part in self.scenario.outage)
        second = 0
        while second < self.seconds or self.shard.waiting:
            if second < self.seconds:
                self.arrive(second)
            if first <= second < last:
                self.shard.free_at = second + 1
            else:
                self.chain(second)
                if (
                    last
                    and second >= last
                    and self.result.recovery is None
                    and self.is_current(second)
                ):
                    self.result.recovery = second - last
            second += 1

    def is_current(self, second: float) -> bool:
        """Return whether nothing waits longer than the batching window."""
        waiting = self.shard.waiting
        return not waiting or waiting[0][0] >= second - self.shard.window

    def arrive(self, second: int) -> None:
        """Deliver a second's log lines to record_requests, and add the rows of changes."""
        traffic = self.scenario.traffic
        lines = [
            self.line(kind, second)
            for kind, number in (
                ("read", traffic.reads),
                ("refused", traffic.refusals),
                ("anonymous", traffic.anonymous),
            )
            for _ in range(self.share(number))
        ]
        self.result.lines += len(lines)
        self.random.shuffle(lines)
        for start in range(0, len(lines), LINES_A_DELIVERY):
            event = log_event(lines[start : start + LINES_A_DELIVERY])
            self.recorder.run(self.table, second, partial(self.record, event))
        at = START + timedelta(seconds=second)
        for _ in range(self.share(traffic.changes)):
            self.table.now, self.table.spent = second, 0.0
            self.table.put(row_put(a_change(at), retention=timedelta(days=365)))
        self.shard.add(second, (item for _, item in self.table.stream))
        self.result.rows += len(self.table.stream)
        self.table.stream.clear()

    def record(self, event: Any) -> None:
        """Record a delivery."""
        flow = self.service.services[request_trail]
        record_request_lines(event, flow, self.now())

    def chain(self, second: float) -> None:
        """Chain every batch that is due."""
        while (at := self.shard.due(second)) is not None:
            batch = [self.shard.waiting.popleft() for _ in range(self.batch_size())]
            event = stream_event((item for _, _, item in batch), first=batch[0][1])
            seconds = self.chainer.run(self.table, at, partial(self.append, event))
            self.shard.free_at = at + seconds
            delay = self.shard.free_at - batch[0][0]
            self.result.delay = max(self.result.delay, delay)
            vault = self.service.audit_vault
            assert isinstance(vault, MemoryVault)
            vault.objects.clear()

    def append(self, event: Any) -> None:
        """Chain a batch."""
        chain_stream_records(event, self.service.services[audit_chain], self.now())

    def batch_size(self) -> int:
        """Return the number of waiting records that fit into a batch."""
        return min(self.shard.batch, len(self.shard.waiting))

    def now(self) -> datetime:
        """Return the simulated time."""
        return START + timedelta(seconds=self.table.now)

    def share(self, number: int) -> int:
        """Return the number of events of this part, in a second."""
        whole = number / PARTS
        return math.floor(whole) + (self.random.random() < whole % 1)

    def line(self, kind: str, second: int) -> str:
        """Return a log line of a new request."""
        line = self.templates[kind]
        at = START + timedelta(seconds=second)
        line["at"] = int(at.timestamp() * 1000)
        line["request_id"] = f"{self.random.getrandbits(88):015x}="
        if "subject" in line:
            line["subject"] = f"sub_{self.random.getrandbits(32):026d}"
        return json.dumps(line)


def _function(name: str, resource: dict[str, Any]) -> Function:
    return Function(name, resource["Properties"].get("MemorySize", 512))


@cache
def _templates() -> dict[str, dict[str, Any]]:
    """Return the log line of each kind of request, as the service writes it."""
    with redirect_stdout(io.StringIO()), captured_log() as log:
        service = InProcessService()
        person = Person(service)
        person.get()
        person.patch({"age": "old"})
        service.request("GET", ME)
    parsed = [json.loads(line) for line in log.getvalue().splitlines()]
    served, refused, anonymous = [line for line in parsed if "outcome" in line][-3:]
    return {"read": served, "refused": refused, "anonymous": anonymous}


def a_change(at: datetime) -> AuditRecord:
    """Return the row of a sign-in."""
    subject = SubjectId(new_ordered_id("sub", at))
    return AuditRecord(
        id=RowId(new_ordered_id("aud", at)),
        at=at,
        action=Action.SESSION_STARTED,
        actor=subject,
        request_id="JKJaXmPLvHcESHA=",
        subject_id=subject,
        session_id=SessionId(new_ordered_id("ses", at)),
        sealed=bytes(120),
    )


def simulated(seconds: int) -> Iterator[str]:
    """Run every scenario. Yields the lines of a table in Markdown."""
    yield "| scenario | log lines | rows | longest delay | recovery | rows a second | slowest run |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for scenario in SCENARIOS:
        simulation = Simulation(scenario, seconds)
        result, chainer = simulation.run(), simulation.chainer
        recovery = "-" if result.recovery is None else f"{result.recovery:,.0f} s"
        yield (
            f"| {scenario.name} | {result.lines * PARTS:,} | {result.rows * PARTS:,} "
            f"| {result.delay:,.0f} s | {recovery} "
            f"| {PARTS * result.rows / chainer.seconds:,.0f} | {chainer.slowest:.1f} s |"
        )


def main(arguments: list[str]) -> int:
    """Print the table."""
    for line in simulated(int(arguments[0]) if arguments else 3600):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

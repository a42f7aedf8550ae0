"""Simulates the consumers of streams, logs and queues under load, floods and outages.

    PYTHONPATH=.:layers/shared python -m benchmarks.scale_simulation [--write] [SCENARIO ...]

The functions are the project's own, on a table in memory, with the limits of AWS charged to them
(`benchmarks.simulated_aws`). A scenario simulates one of equal parts of a deployment at the goal.

What does not depend on what came before is run for a sample: of every SAMPLE deliveries of log
lines and emails one goes through the function, and the others are charged what the last one took.
Their packs and rows are copies with their own keys and times. `chain_audit`, `archive_audit`,
`index_requests` and `relay_outbox` get everything.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import logging
import math
import os
import random
import re
import sys
import tempfile
import zlib
from collections import deque
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache, partial
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

from benchmarks.scale import PAGE, section, with_section
from benchmarks.simulated_aws import (
    PARTS,
    SHARD,
    Function,
    LimitedTable,
    Queue,
    Shard,
    TimedFiles,
    TimedSes,
    TimedSqs,
    TimedVault,
    record_text,
)
from functions.send_mail.app import handler as send_mail
from latchkey.domain import index_files as index_files_module
from latchkey.domain.audit import Action, AuditRecord
from latchkey.domain.audit_chain import START as BEGIN
from latchkey.domain.audit_chain import Block, Cursor, Entry, canonical
from latchkey.domain.effects import Queue as QueueName
from latchkey.domain.ids import (
    MessageId,
    RowId,
    SessionId,
    SubjectId,
    compose_id,
    minted_at,
    new_ordered_id,
)
from latchkey.domain.index_files import READ_BYTES
from latchkey.domain.limits import (
    AUDIT_BLOCK_MAX_ROWS,
    AUDIT_COMPARED_ROWS,
    AUDIT_INDEX_FILE_LINES,
    AUDIT_INDEX_SLICE_SECONDS,
    AUDIT_PACK_LATE_SECONDS,
)
from latchkey.domain.values import replace
from latchkey.events.audit_feeds import chain_stream_records, record_request_lines
from latchkey.events.outbox_stream import relay_stream_records
from latchkey.observability import logger
from latchkey.storage import keys
from latchkey.storage.audit_rows import row_put
from latchkey.storage.queues import Queues
from latchkey.storage.streams import read_image
from latchkey.storage.table import Key
from latchkey.wiring.audit import (
    audit_archive,
    audit_chain,
    audit_vault,
    index_files,
    request_index_store,
    request_indexer,
    request_trail,
)
from latchkey.wiring.mail import mailer, outbox_relay, queues
from tests.support.audit import captured_log, log_event
from tests.support.outbox import Invocation, sqs_record
from tests.support.person import ME, Person
from tests.support.service import ENVIRONMENT, InProcessService
from tools.audit.redrive import PARALLEL_BATCHES
from tools.template import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from latchkey.storage.table import Item

LINES_A_DELIVERY = 100
ROWS_A_SECOND = 2_400
"""Of the mix: changes, refusals, packs and counts."""
SAMPLE = 20
MAIL_SAMPLE = 1000
MAIL_CONCURRENCY = 400
"""The parameter MailConcurrency for this goal. SES must allow 1,100 emails a second."""
NETWORKS = 100_000
"""Of anonymous requests."""
RETRY_SECONDS = (60, 180)
"""When Lambda invokes a function again that failed.
Source: AWS Lambda Developer Guide, "Error handling and retries".
"""
REDRIVE_SECONDS = 0.03
"""Of SQS and the invocation, for a dead letter."""
LAMBDA_CONCURRENCY = 1000
"""Functions at once in a region, by default (AWS Lambda Developer Guide, "Quotas")."""
LIMITED_BY = {
    "record_requests": ("lines", "1,000 functions at once"),
    "chain_audit": ("rows", "a batch at a time for each of eight shards"),
    "archive_audit": ("rows", "one run at a time"),
    "index_requests": ("lines", "one run at a time"),
    "relay_outbox": ("messages", "a batch at a time for each of eight shards"),
    "send_mail": ("emails", f"{MAIL_CONCURRENCY} environments; SES"),
}
START = datetime(2026, 1, 2, tzinfo=UTC)
HOUR, MINUTE = 3600, 60
LONGEST = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Traffic:
    """Events a second of the whole deployment."""

    reads: int
    refusals: int
    changes: int
    anonymous: int
    mails: int


MIX = Traffic(reads=4_750, refusals=150, changes=2_100, anonymous=1_000, mails=1_100)
"""5,000 requests of the ordinary mix, and the rows of 1,000 sign-ins and 1,000 sign-outs."""

FLOOD = Traffic(reads=4_750, refusals=150, changes=2_100, anonymous=20_000, mails=1_100)

TRAIL = ("record_requests", "chain_audit", "archive_audit", "index_requests")
MAIL = ("relay_outbox", "send_mail")


@dataclass(frozen=True, slots=True)
class Scenario:
    """Traffic for a time, the simulated functions, and the outage of one of them.

    outage  its function, start and end
    parts   the simulated part is one of so many
    """

    name: str
    traffic: Traffic
    seconds: int
    functions: tuple[str, ...]
    outage: tuple[str, int, int] = ("", 0, 0)
    parts: int = PARTS


def _outage(function: str, *functions: str, minutes: int, down: int, parts: int) -> Scenario:
    """Return an outage that starts after ten minutes of the mix."""
    outage = (function, 10 * MINUTE, (10 + down) * MINUTE)
    name = f"`{function}` is down for {down} minutes"
    return Scenario(name, MIX, minutes * MINUTE, functions, outage, parts)


SCENARIOS = {
    "mix": Scenario("one hour of the mix", MIX, 60 * MINUTE, (*TRAIL, *MAIL)),
    "flood": Scenario("3 minutes of 20,000 anonymous requests a second", FLOOD, 3 * MINUTE, TRAIL),
    "record_requests": _outage(
        "record_requests", "record_requests", "index_requests", minutes=60, down=20, parts=32
    ),
    "chain_audit": _outage(
        "chain_audit", "record_requests", "chain_audit", minutes=25, down=10, parts=PARTS
    ),
    "archive_audit": _outage(
        "archive_audit", "blocks", "archive_audit", minutes=130, down=115, parts=32
    ),
    "index_requests": _outage(
        "index_requests", "record_requests", "index_requests", minutes=150, down=60, parts=32
    ),
    "relay_outbox": _outage("relay_outbox", *MAIL, minutes=60, down=20, parts=PARTS),
    "send_mail": _outage("send_mail", *MAIL, minutes=60, down=20, parts=PARTS),
}


@dataclass(slots=True)
class Result:
    """The numbers of a function in a scenario.

    work      lines, rows or messages of the part
    delay     longest time from an event to its result, in seconds
    recovery  seconds from the end of the outage until nothing is late
    busy      share of the function's capacity
    """

    work: int = 0
    delay: float = 0.0
    recovery: float | None = None
    busy: float = 0.0


class Simulation:
    """One part of a deployment."""

    def __init__(self, scenario: Scenario, directory: Path, seed: int = 1) -> None:
        """Prepare the service, and templates of its log lines."""
        self.scenario = scenario
        self.random = random.Random(seed)  # noqa: S311 - traffic, not secrets
        self.table = LimitedTable(row_of, parts=scenario.parts)
        os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
        self.service = InProcessService(table=self.table)
        self.ses = TimedSes(self.table)
        self.sent: list[str] = []
        sender = Queues({"mail": ENVIRONMENT["QUEUE_URL_MAIL"]})
        sender._sqs = TimedSqs(self.table, self.sent.append)  # noqa: SLF001
        replacements: dict[Any, object] = {
            audit_vault: TimedVault(self.table),
            index_files: TimedFiles(directory, self.table),
            mailer: self.ses,
            queues: sender,
        }
        self.service.put_in_place(replacements)
        functions = {
            "record_requests": Recorder,
            "chain_audit": Chainer,
            "archive_audit": Archiver,
            "blocks": Blocks,
            "index_requests": Indexer,
            "relay_outbox": Relay,
            "send_mail": Mailer,
        }
        self.consumers: dict[str, Consumer] = {
            name: functions[name](self) for name in scenario.functions
        }
        self.table.stream.clear()
        self.second = 0

    def run(self) -> dict[str, Result]:
        """Run it second by second, then until nothing is left to do."""
        level = logger.log_level
        logger.setLevel(logging.CRITICAL)
        try:
            while self.has_traffic or any(c.is_waiting() for c in self.consumers.values()):
                self.step()
            down, _, last = self.scenario.outage
            if down and self.consumers[down].result.recovery is None:
                self.consumers[down].result.recovery = self.second - last
        finally:
            logger.setLevel(level)
        return {name: consumer.measured() for name, consumer in self.consumers.items()}

    @property
    def has_traffic(self) -> bool:
        """Return whether there are new events."""
        return self.second < self.scenario.seconds

    def step(self) -> None:
        """Simulate a second."""
        down, first, last = self.scenario.outage
        for name, consumer in self.consumers.items():
            if self.has_traffic:
                consumer.arrive(self.second)
            is_down = name == down and first <= self.second < last
            consumer.work(self.second, is_down=is_down)
            result = consumer.result
            was_down = name == down and self.second >= last and result.recovery is None
            if was_down and not consumer.is_late(self.second):
                result.recovery = self.second - last
        self.second += 1
        if self.second > LONGEST:
            msg = f"{self.scenario.name}: never caught up"
            raise RuntimeError(msg)

    def at(self, second: float) -> datetime:
        """Return the time of a second, which is then the service's time too."""
        at = START + timedelta(seconds=second)
        self.service.clock._now = at  # noqa: SLF001
        return at

    def share(self, number: float) -> int:
        """Return the number of events of this part, in a second."""
        whole = number / self.scenario.parts
        return math.floor(whole) + (self.random.random() < whole % 1)


class Consumer:
    """A function, and what waits for it."""

    def __init__(self, simulation: Simulation, function: Function) -> None:
        """Wait for events."""
        self.simulation, self.function = simulation, function
        self.result = Result()

    def arrive(self, second: int) -> None:
        """Add the events of a second."""

    def work(self, second: int, *, is_down: bool) -> None:
        """Run the function for what is due."""
        raise NotImplementedError

    def is_waiting(self) -> bool:
        """Return whether there is anything left to do."""
        raise NotImplementedError

    def is_late(self, second: int) -> bool:
        """Return whether anything waits longer than usual."""
        raise NotImplementedError

    def done(self, second: float, since: float) -> None:
        """Note the delay of something that is done now."""
        self.result.delay = max(self.result.delay, second - since)

    def measured(self) -> Result:
        """Return the numbers, at the end."""
        self.result.busy = self.function.seconds / self.simulation.scenario.seconds
        return self.result


class Recorder(Consumer):
    """`record_requests`: any number at once. Failed deliveries are tried again, then redriven."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(simulation, Function.of("RecordRequestsFunction"))
        self.templates = _templates()
        self.flow = simulation.service.services[request_trail]
        self.retries: dict[int, list[int]] = {}
        self.letters: deque[int] = deque()
        self.redriven_at = 0.0
        self.deliveries = 0
        self.copied: list[tuple[Key, Item]] = []

    @override
    def arrive(self, second: int) -> None:
        self.retries.setdefault(second, []).extend([second] * self._number())

    def _number(self) -> int:
        traffic = self.simulation.scenario.traffic
        lines = traffic.reads + traffic.refusals + traffic.anonymous
        return self.simulation.share(lines / LINES_A_DELIVERY)

    @override
    def work(self, second: int, *, is_down: bool) -> None:
        for arrived in self.retries.pop(second, []):
            if not is_down:
                self._record(arrived, second)
                continue
            following = [arrived + wait for wait in RETRY_SECONDS if arrived + wait > second]
            if following:
                self.retries.setdefault(following[0], []).append(arrived)
            else:
                self.letters.append(arrived)
        # An operator starts `make redrive-audit` when it is repaired.
        self.redriven_at = max(self.redriven_at, second)
        while self.letters and not is_down and self.redriven_at < second + 1:
            seconds = self._record(self.letters.popleft(), second)
            parallel = PARALLEL_BATCHES / self.simulation.scenario.parts
            self.redriven_at += (seconds + REDRIVE_SECONDS) / parallel

    def _record(self, arrived: int, second: int) -> float:
        """Record a delivery that arrived at a second."""
        simulation = self.simulation
        table, kept = simulation.table, len(simulation.table.stream)
        self.deliveries += 1
        self.result.work += LINES_A_DELIVERY
        if self.deliveries % SAMPLE == 1:
            now = simulation.at(second)
            event = log_event(self._lines(arrived))
            seconds = self.function.run(
                table, second, lambda _: record_request_lines(event, self.flow, now)
            )
            self.copied = table.stream[kept:]
            self.copied_at = arrived
        else:
            seconds = self.function.charge(self.function.last)
            table.now = second
            for key, item in self.copied:
                self._copy(key, item, arrived, second)
        self.done(second + seconds, arrived)
        return seconds

    def _lines(self, second: int) -> Iterator[str]:
        traffic = self.simulation.scenario.traffic
        kinds = {"read": traffic.reads, "refused": traffic.refusals, "anonymous": traffic.anonymous}
        chosen = self.simulation.random.choices(
            list(kinds), weights=list(kinds.values()), k=LINES_A_DELIVERY
        )
        return (self._line(kind, second) for kind in chosen)

    def _line(self, kind: str, second: int) -> str:
        """Return a log line of a new request."""
        chance, line = self.simulation.random, self.templates[kind]
        at = START + timedelta(seconds=second)
        line["at"] = int(at.timestamp() * 1000) + chance.randrange(1000)
        line["request_id"] = f"{chance.getrandbits(88):015x}="
        if "subject" in line:
            line["subject"] = f"sub_{chance.getrandbits(32):026d}"
        else:
            network = chance.randrange(NETWORKS)
            line["network"] = f"{network >> 16}.{network >> 8 & 255}.{network & 255}.0/24"
        return json.dumps(line)

    def _copy(self, key: Key, item: Item, arrived: int, second: int) -> None:
        """Store a copy of an item with the times of another second."""
        table = self.simulation.table
        shift = (arrived - self.copied_at) * 1000
        at = int(str(item["at"])) + shift
        instant = datetime.fromtimestamp(at / 1000, UTC)
        prefix = key.sk.partition("_")[0]
        row_id = RowId(new_ordered_id(prefix, instant))
        copy = {**item, "at": at, "sk": row_id}
        if "columns" in item:
            new = keys.request_pack(instant, row_id)
            columns: Any = _shifted(item["columns"], shift)
            first = int(str(item["first"])) + shift
            copy |= {"pk": new.pk, "columns": columns, "first": first}
            if second - arrived > AUDIT_PACK_LATE_SECONDS:
                now = START + timedelta(seconds=second, milliseconds=self.deliveries % 1000)
                marker = keys.late_pack(now, new)
                table.load(marker, _keys(marker))
        else:
            new = Key(key.pk, row_id, "audit")
        table.load(new, copy)

    @override
    def is_waiting(self) -> bool:
        return bool(self.retries or self.letters)

    @override
    def is_late(self, second: int) -> bool:
        return bool(self.letters) or any(
            arrived < second - 1 for waiting in self.retries.values() for arrived in waiting
        )


class Chainer(Consumer):
    """`chain_audit`: a batch of a shard at a time."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(simulation, Function.of("ChainAuditFunction"))
        mapping = load()["Resources"]["ChainAuditFunction"]["Properties"]["Events"]["Rows"]
        properties = mapping["Properties"]
        self.shard = Shard(properties["BatchSize"], properties["MaximumBatchingWindowInSeconds"])
        self.flow = simulation.service.services[audit_chain]
        self.chained: deque[tuple[float, int]] = deque()
        self.changes = 0

    @override
    def arrive(self, second: int) -> None:
        """Add the rows of changes, which functions behind the API write."""
        at = START + timedelta(seconds=second)
        template = change_text(at)
        number = self.simulation.share(self.simulation.scenario.traffic.changes)
        texts = [template(self.changes + n) for n in range(number)]
        self.changes += number
        self.shard.add(second, texts)

    @override
    def work(self, second: int, *, is_down: bool) -> None:
        table = self.simulation.table
        self.shard.add(second, (record_text(item) for _, item in table.stream))
        table.stream.clear()
        if is_down:
            self.shard.free_at = second + 1
            return
        while (at := self.shard.due(second)) is not None:
            oldest, text, number = self.shard.take()
            now = self.simulation.at(at)
            seconds = self.function.run(table, at, partial(self._chain, text, now))
            self.shard.free_at = at + seconds
            self.chained.append((at, number))
            self.result.work += number
            self.done(self.shard.free_at, oldest)

    def _chain(self, text: str, now: datetime, _: object) -> None:
        chain_stream_records(json.loads(text), self.flow, now)

    @override
    def is_waiting(self) -> bool:
        return bool(self.shard.waiting)

    @override
    def is_late(self, second: int) -> bool:
        waiting = self.shard.waiting
        return bool(waiting) and waiting[0][0] < second - self.shard.window


class Blocks(Consumer):
    """Blocks of changes, without the function that writes them: 500 rows each, signed."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(simulation, Function.of("ChainAuditFunction"))
        self.chained: deque[tuple[float, int]] = deque()
        self.rows = self.blocks = 0
        self.newest: Block | None = None
        self.flow = simulation.service.services[audit_chain]

    @override
    def arrive(self, second: int) -> None:
        """Add the blocks of a batching window."""
        window = 30
        if second % window:
            return
        at = START + timedelta(seconds=second)
        number = self.simulation.share(window * ROWS_A_SECOND)
        entries = change_entries(at, range(self.rows, self.rows + number))
        self.rows += number
        for part in batched(entries, AUDIT_BLOCK_MAX_ROWS, strict=False):
            self._put(part, at)
            self.chained.append((second, len(part)))

    def _put(self, entries: tuple[Entry, ...], at: datetime) -> None:
        newest, milliseconds = self.newest, int(at.timestamp() * 1000)
        block = Block(
            chain=0,
            number=1 if newest is None else newest.number + 1,
            first=1 if newest is None else newest.last + 1,
            previous=BEGIN if newest is None else newest.head,
            at=milliseconds,
            entries=entries,
            cursors=(Cursor(SHARD, self.rows, milliseconds),),
        )
        self.newest = replace(block, signature=self.flow.signer.sign(block.statement()))
        key = keys.audit_block(block.chain, block.number)
        self.simulation.table.load(key, {**_keys(key), **self.newest.document()})

    @override
    def work(self, second: int, *, is_down: bool) -> None:
        """Do nothing more."""

    @override
    def is_waiting(self) -> bool:
        return False

    @override
    def is_late(self, second: int) -> bool:
        return False


class Archiver(Consumer):
    """`archive_audit`: one for the deployment, every hour."""

    def __init__(self, simulation: Simulation) -> None:
        parts = simulation.scenario.parts
        super().__init__(simulation, Function.of("ArchiveAuditFunction", times=parts))
        self.flow = simulation.service.services[audit_archive]
        object.__setattr__(self.flow, "compared_rows", AUDIT_COMPARED_ROWS // parts)

    @override
    def work(self, second: int, *, is_down: bool) -> None:
        if is_down or second == 0 or second % HOUR:
            return
        now = self.simulation.at(second)
        archived: list[Any] = []
        seconds = self.function.run(
            self.simulation.table,
            second,
            lambda remaining: archived.append(self.flow.archive(now, remaining)),
        )
        assert not archived[0].changed, archived[0].changed[0]
        assert not archived[0].foreign
        self.free_at = second + seconds
        self.result.work += archived[0].rows
        rows, chained = archived[0].rows, self._chained()
        while rows > 0:
            at, number = chained.popleft()
            rows -= number
            self.done(second + seconds, at)

    free_at = 0.0

    def _chained(self) -> deque[tuple[float, int]]:
        feeds = self.simulation.consumers
        chainer = feeds.get("chain_audit") or feeds["blocks"]
        assert isinstance(chainer, (Chainer, Blocks))
        return chainer.chained

    @override
    def is_waiting(self) -> bool:
        return bool(self._chained())

    @override
    def is_late(self, second: int) -> bool:
        """Return whether a block waits for longer than the delay, and from run to run."""
        chained = self._chained()
        if second < self.free_at:
            return True
        return bool(chained) and chained[0][0] < second - 2 * HOUR


class Indexer(Consumer):
    """`index_requests`: one for the deployment, every five minutes."""

    def __init__(self, simulation: Simulation) -> None:
        parts = simulation.scenario.parts
        super().__init__(simulation, Function.of("IndexRequestsFunction", times=parts))
        self.flow = simulation.service.services[request_indexer]
        object.__setattr__(self.flow, "file_lines", AUDIT_INDEX_FILE_LINES // parts)
        index_files_module.READ_BYTES = READ_BYTES // parts
        store = simulation.service.services[request_index_store]
        store.commit([], progress=(None, int(START.timestamp() * 1000)))
        self.store = store
        self.free_at = 0.0

    @override
    def work(self, second: int, *, is_down: bool) -> None:
        if "chain_audit" not in self.simulation.consumers:
            self.simulation.table.stream.clear()
        if is_down or second % AUDIT_INDEX_SLICE_SECONDS or second == 0:
            return
        self.simulation.at(second)
        done: list[Any] = []
        before = self._until()
        seconds = self.function.run(
            self.simulation.table, second, lambda remaining: done.append(self.flow.run(remaining))
        )
        if self._until() > before:
            self.done(second + seconds, before)
        self.free_at = second + seconds
        self.late = done[0].delay_seconds

    late = 0

    @override
    def is_waiting(self) -> bool:
        return self._until() < self.simulation.scenario.seconds

    def _until(self) -> float:
        return (self.store.progress() or 0) / 1000 - START.timestamp()

    @override
    def is_late(self, second: int) -> bool:
        return second < self.free_at or self.late > 3 * AUDIT_INDEX_SLICE_SECONDS

    @override
    def measured(self) -> Result:
        recorder = self.simulation.consumers["record_requests"]
        self.result.work = recorder.result.work
        return super().measured()


class Relay(Consumer):
    """`relay_outbox`: a batch of a shard at a time."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(simulation, Function.of("RelayOutboxFunction"))
        mapping = load()["Resources"]["RelayOutboxFunction"]["Properties"]["Events"]
        properties = mapping["NewMessages"]["Properties"]
        self.shard = Shard(properties["BatchSize"], 0)
        self.flow = simulation.service.services[outbox_relay]
        self.people = [
            Person(simulation.service, f"person{number}@example.com") for number in range(5)
        ]
        self.messages = 0

    @override
    def arrive(self, second: int) -> None:
        """Add the messages of sign-ins. Some are real, with an account and an outbox message."""
        at = self.simulation.at(second)
        texts = []
        for _ in range(self.simulation.share(self.simulation.scenario.traffic.mails)):
            self.messages += 1
            if self.messages % MAIL_SAMPLE == 1:
                texts += [record_text(_keys(key), keys_only=True) for key in self._real()]
            else:
                message_id = MessageId(new_ordered_id("out", at))
                key = keys.outbox(QueueName.MAIL, message_id)
                texts.append(record_text(_keys(key), keys_only=True))
        self.shard.add(second, texts)

    def _real(self) -> list[Key]:
        """Register a person, which causes an email."""
        table, kept = self.simulation.table, len(self.simulation.table.stream)
        table.messages.clear()
        self.simulation.service.register(f"reader{self.messages}@example.com")
        del table.stream[kept:]
        mailers = self.simulation.consumers["send_mail"]
        assert isinstance(mailers, Mailer)
        mailers.real |= {key.sk.partition("#")[2] for key in table.messages}
        return list(table.messages)

    @override
    def work(self, second: int, *, is_down: bool) -> None:
        if is_down:
            self.shard.free_at = second + 1
            return
        while (at := self.shard.due(second)) is not None:
            oldest, text, number = self.shard.take()
            self.simulation.sent.clear()
            seconds = self.function.run(self.simulation.table, at, partial(self._relay, text))
            self.shard.free_at = at + seconds
            self.result.work += number
            self.done(self.shard.free_at, oldest)
            mailers = self.simulation.consumers["send_mail"]
            assert isinstance(mailers, Mailer)
            for message_id in self.simulation.sent:
                mailers.queue.send(self.shard.free_at, message_id)

    def _relay(self, text: str, _: object) -> None:
        relay_stream_records(json.loads(text), self.flow)

    @override
    def is_waiting(self) -> bool:
        return bool(self.shard.waiting)

    @override
    def is_late(self, second: int) -> bool:
        return bool(self.shard.waiting) and self.shard.waiting[0][0] < second - 1


class Mailer(Consumer):
    """`send_mail`: batches of a queue, in a number of environments."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(simulation, Function.of("SendMailFunction"))
        resources = load()["Resources"]
        mapping = resources["SendMailFunction"]["Properties"]["Events"]["Mails"]["Properties"]
        queue = resources["MailQueue"]["Properties"]
        self.queue = Queue(
            environments=MAIL_CONCURRENCY // simulation.scenario.parts,
            batch=mapping["BatchSize"],
            visibility=queue["VisibilityTimeout"],
            receives=queue["RedrivePolicy"]["maxReceiveCount"],
        )
        self.real: set[str] = set()
        self.seconds: dict[bool, float] = {}

    @override
    def work(self, second: int, *, is_down: bool) -> None:
        self.simulation.ses.is_down = is_down
        while (received := self.queue.receive(second + 1)) is not None:
            at, batch = received
            seconds = 0.0
            for message in batch:
                taken, is_done = self._send(at + seconds, message, is_down=is_down)
                seconds += taken
                if is_done:
                    self.result.work += 1
                    self.done(at + seconds, message[0])
                else:
                    self.queue.fail(at, message)
            self.function.charge(seconds)
            self.queue.finish(at + seconds)

    def _send(
        self, at: float, message: tuple[float, str, int], *, is_down: bool
    ) -> tuple[float, bool]:
        """Send an email. Returns the seconds, and whether it is done."""
        message_id = message[1]
        if message_id not in self.real and is_down in self.seconds:
            return self.seconds[is_down], not is_down
        if message_id not in self.real:
            return 0.1, not is_down  # before the first sample
        self.simulation.at(at)
        answers: list[Any] = []
        event = {"Records": [sqs_record(message_id)]}
        one = Function(self.function.name, self.function.memory, self.function.timeout)
        seconds = one.run(
            self.simulation.table, at, lambda _: answers.append(send_mail(event, Invocation()))
        )
        self.seconds[is_down] = seconds
        return seconds, not answers[0]["batchItemFailures"]

    @override
    def is_waiting(self) -> bool:
        return bool(self.queue.waiting)

    @override
    def is_late(self, second: int) -> bool:
        if second % 10:
            return True
        oldest = self.queue.oldest()
        return oldest is not None and oldest < second - 10

    @override
    def measured(self) -> Result:
        assert not self.queue.dead
        super().measured()
        self.result.busy /= self.queue.environments
        return self.result


# Events -------------------------------------------------------------------------------------------


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


def _shifted(columns: Any, milliseconds: int) -> list[bytes]:
    """Return the columns of a pack with later times."""
    first, *others = zlib.decompress(columns[1]).decode().split("\n")
    text = "\n".join([str(int(first) + milliseconds), *others])
    return [columns[0], zlib.compress(text.encode(), 9), *columns[2:]]


def _keys(key: Key) -> Item:
    return {"pk": key.pk, "sk": key.sk}


def a_change(at: datetime, number: int = 0) -> AuditRecord:
    """Return the row of a sign-in. The same number and time give the same row."""
    subject = SubjectId(f"sub_{number:026d}")
    return AuditRecord(
        id=RowId(compose_id("aud", at, number.to_bytes(10))),
        at=at,
        action=Action.SESSION_STARTED,
        actor=subject,
        request_id="JKJaXmPLvHcESHA=",
        subject_id=subject,
        session_id=SessionId(f"ses_{number:026d}"),
        sealed=bytes(120),
    )


def _item(record: AuditRecord) -> Item:
    put = row_put(record, retention=timedelta(days=365))
    return {"pk": put.key.pk, "sk": put.key.sk, **put.attributes}


@lru_cache
def change_text(at: datetime) -> Callable[[int], str]:
    """Return a function that returns the stream's record of a change, by its number."""
    number = 10**20
    template = a_change(at, number)
    place = template.id.removeprefix("aud_")
    text = record_text(_item(template))

    def numbered(new: int) -> str:
        row_id = compose_id("aud", at, new.to_bytes(10))
        new_place = row_id.removeprefix("aud_")
        return text.replace(place, new_place).replace(f"{number:026d}", f"{new:026d}")

    return numbered


def change_entries(at: datetime, numbers: Iterable[int]) -> Iterator[Entry]:
    """Return the entries of changes in a block."""
    number = 10**20
    template = read_image(json.loads(change_text(at)(number))["dynamodb"]["NewImage"])
    place = str(template["sk"]).removeprefix("aud_")
    text = canonical(template).decode()
    for new in numbers:
        row_id = compose_id("aud", at, new.to_bytes(10))
        row = text.replace(place, row_id.removeprefix("aud_"))
        row = row.replace(f"{number:026d}", f"{new:026d}")
        digest = hashlib.sha256(row.encode()).digest()
        yield Entry(f"SUBJECT#sub_{new:026d}", RowId(row_id), digest)


def row_of(key: Key) -> Item | None:
    """Return the row of a change by its key."""
    number = key.pk.removeprefix("SUBJECT#sub_")
    if key.table != "audit" or not number.isdecimal():
        return None
    record = json.loads(change_text(minted_at(key.sk))(int(number)))
    item = read_image(record["dynamodb"]["NewImage"])
    return item if item["sk"] == key.sk else None


# The page -----------------------------------------------------------------------------------------

HEAD = (
    "| scenario | function | lines, rows, emails | busy | longest delay | recovery | slowest run |",
    "|---|---|--:|--:|--:|--:|--:|",
)
SECTION = "simulation"


def simulated(scenario: Scenario) -> Iterator[str]:
    """Run a scenario. Yields its lines of the table."""
    with tempfile.TemporaryDirectory() as name, redirect_stdout(io.StringIO()):
        simulation = Simulation(scenario, Path(name))
        results = simulation.run()
    down = scenario.outage[0]
    for function, result in results.items():
        if not down or function == down:
            yield _row(scenario, simulation.consumers[function].function, result)


def _row(scenario: Scenario, function: Function, result: Result) -> str:
    recovery = "-" if result.recovery is None else _duration(result.recovery)
    busy = f"{result.busy:.0%}"
    if function.name == "record_requests":
        busy = f"{result.busy * scenario.parts:,.0f} at once"
    return (
        f"| {scenario.name} | `{function.name}` | {result.work * scenario.parts:,} | {busy} "
        f"| {_duration(result.delay)} | {recovery} "
        f"| {function.slowest:,.1f} of {function.timeout} s |"
    )


def _duration(seconds: float) -> str:
    return f"{seconds:,.1f} s" if seconds < 10 * MINUTE else f"{seconds / MINUTE:,.0f} min"


def documented(text: str) -> dict[str, list[str]]:
    """Return the rows of the table in the page, by the name of their scenario."""
    found: dict[str, list[str]] = {}
    for line in section(text, SECTION):
        if line.startswith("| ") and line not in HEAD:
            found.setdefault(line.split(" | ")[0].removeprefix("| "), []).append(line)
    return found


def ceilings(text: str) -> Iterator[str]:
    """Yield the table of functions: what each takes a second if it works all the time.

    text  the page with the table of scenarios
    """
    yield "| function | at the goal, a second | ceiling, a second | limited by |"
    yield "|---|--:|--:|---|"
    mix = SCENARIOS["mix"]
    for row in documented(text)[mix.name]:
        _, name, work, busy, *_ = (cell.strip(" `") for cell in row.split("|")[1:])
        rate = int(work.replace(",", "")) / mix.seconds
        number = float(re.sub(r"\D", "", busy))
        share = number / LAMBDA_CONCURRENCY if busy.endswith("at once") else number / 100
        what, limit = LIMITED_BY[name]
        # Two digits: the share has no more.
        yield f"| `{name}` | {rate:,.0f} {what} | {float(f'{rate / share:.1e}'):,.0f} | {limit} |"


def main(arguments: list[str]) -> int:
    """Run scenarios, print their rows, and with --write replace them in the page."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--write", action="store_true")
    options.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    chosen = options.parse_args(arguments)
    for name in chosen.scenarios or SCENARIOS:
        scenario = SCENARIOS[name]
        lines = list(simulated(scenario))
        print("\n".join(lines), flush=True)
        if chosen.write:
            text = PAGE.read_text(encoding="utf-8")
            rows = documented(text) | {scenario.name: lines}
            table = [row for known in SCENARIOS.values() for row in rows.get(known.name, [])]
            text = with_section(text, SECTION, [*HEAD, *table])
            PAGE.write_text(with_section(text, "functions", list(ceilings(text))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

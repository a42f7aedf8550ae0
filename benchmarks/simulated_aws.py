"""AWS for `benchmarks.scale_simulation`: what it limits is charged as simulated time.

    partition   1,000 write and 3,000 read units a second, shared by all parts; a request waits
    request     REQUEST_SECONDS for each request, and what its bytes take to and from S3
    processor   measured here, divided by the share that the function's memory gives
    client      requests are serialized and answers parsed by botocore, as in the function
    stream      a shard has one batch at a time: by number, by size, or after the batching window
    queue       a number of environments, a batch for each, and a visibility timeout

A deployment has equal parts. A function that works for the whole deployment is charged its work for
one part so many times.
"""

from __future__ import annotations

import base64
import heapq
import json
import time
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, override

from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.session import get_session

from latchkey.storage.capacity import item_bytes, read_units, write_units
from latchkey.storage.dynamodb import from_wire, to_wire
from latchkey.storage.keys import OUTBOX_PREFIX
from latchkey.storage.memory import MemoryTable
from latchkey.storage.table import Page
from tests.support.audit import MemoryVault
from tools.template import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from latchkey.domain.mail import Letter
    from latchkey.storage.table import Item, Key, Query, Value, Write

PARTS = 8
"""Shards of the stream at the goal: each takes 1,000 write units, and the audit table needs 6,000
without indexes. The outbox and the packs have as many partitions."""

CHAINS = 4
"""All parts share the partition of a key that everybody shares, and a quarter of them a chain."""

PARTITION_WRITES, PARTITION_READS = 1000, 3000
REQUEST_SECONDS = 0.005
"""Of DynamoDB."""
S3_SECONDS, S3_BYTES_A_SECOND = 0.04, 50e6
SQS_SECONDS = 0.01
SES_SECONDS = 0.1
SES_TIMEOUT_SECONDS = 7.0
"""The sender's timeouts: two seconds to connect and five to read."""
PROCESSOR_MB = 1769
"""Memory that gives a function one processor (AWS Lambda Developer Guide, "Memory")."""
EVENT_BYTES = 6_000_000
"""Of a function's event at most (AWS Lambda Developer Guide, "Quotas")."""
PAGE_BYTES = 1_000_000
"""Of a page of a query, before it is serialized."""

ROWS = ("SUBJECT#", "REQUESTS#")
STORED = (*ROWS, "CHAIN#", "LATE_PACKS#")
"""Partitions that are kept in their stored form."""


class Client:
    """Serializes requests to DynamoDB and parses its answers, as botocore does."""

    def __init__(self) -> None:
        model = get_session().get_service_model("dynamodb")
        self._put, self._query = model.operation_model("PutItem"), model.operation_model("Query")
        self._serializer: Any = create_serializer("json")
        self._parser = create_parser("json")

    def wire(self, item: Item) -> bytes:
        """Return an item as the body of a PutItem has it."""
        parameters = {"TableName": "t", "Item": {name: to_wire(v) for name, v in item.items()}}
        body = self._serializer.serialize_to_request(parameters, self._put)["body"]
        text = body if isinstance(body, bytes) else body.encode()
        return text.partition(b'"Item": ')[2][:-1]

    def items(self, wires: Sequence[bytes]) -> list[Item]:
        """Return the items of an answer."""
        if not wires:
            return []
        body = b'{"Items": [' + b", ".join(wires) + b"]}"
        answer = {"body": body, "headers": {}, "status_code": 200}
        shape: Any = self._query.output_shape
        found = self._parser.parse(answer, shape)["Items"]
        return [{name: from_wire(value) for name, value in wire.items()} for wire in found]


@dataclass(slots=True)
class Stored:
    """The items of a partition in their stored form, with their billed sizes."""

    names: list[str] = field(default_factory=list)
    items: dict[str, tuple[bytes, int]] = field(default_factory=dict)

    def add(self, name: str, wire: bytes, size: int) -> None:
        """Add an item."""
        if name not in self.items:
            insort(self.names, name)
        self.items[name] = wire, size


class LimitedTable(MemoryTable):
    """A table in memory with the time that DynamoDB's limits cost.

    Rows and blocks are kept in their stored form. The rows of changes are not in the table, and
    `row_of` makes one from its key for a reader.

    times     how often the running function is charged: for so many parts. Its pages are smaller,
              so it makes as many requests for one part as it does for all
    spent     seconds that the running function has waited for requests
    free      seconds of the processor that are not the function's
    stream    new rows of the audit trail
    messages  keys of new messages of the outbox
    """

    def __init__(
        self, row_of: Callable[[Key], Item | None] = lambda _: None, *, parts: int = PARTS
    ) -> None:
        super().__init__()
        self._parts = parts
        self.now = 0.0
        self.times = 1
        self.spent = 0.0
        self.free = 0.0
        self.stream: list[tuple[Key, Item]] = []
        self.messages: list[Key] = []
        self._row_of = row_of
        self._client = Client()
        self._free_at: dict[tuple[str, str], float] = defaultdict(float)
        self._stored: dict[tuple[str, str], Stored] = defaultdict(Stored)
        self._partitions: dict[tuple[str, str], dict[Key, None]] = defaultdict(dict)

    @override
    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        stored = self._stored.get((key.table, key.pk))
        if stored is not None and key.sk in stored.items:
            item: Item | None = self._client.items([stored.items[key.sk][0]])[0]
        else:
            item = super().get(key, consistent=consistent)
        self._charge("reads", key.pk, read_units(item_bytes(item or {}), consistent=consistent))
        self.spent += REQUEST_SECONDS / self.times
        return item

    @override
    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        self.spent += REQUEST_SECONDS / self.times
        found = super().get_many([key for key in keys if key in self._items])
        wires: list[bytes] = []
        for key in keys:
            stored = self._stored.get((key.table, key.pk))
            if stored is not None and key.sk in stored.items:
                wires.append(stored.items[key.sk][0])
            else:
                wires += self._made(key)
        found += self._client.items(wires)
        for item in found:
            self._charge("reads", str(item["pk"]), read_units(item_bytes(item), consistent=True))
        return found

    def _made(self, key: Key) -> list[bytes]:
        """Return the stored form of a row that is not kept. DynamoDB has it without any work."""
        begun = time.process_time()
        row = self._row_of(key)
        wires = [] if row is None else [_stored_form(row)]
        self.free += time.process_time() - begun
        return wires

    @override
    def query(self, query: Query) -> Page:
        self.spent += REQUEST_SECONDS / self.times
        stored = self._stored.get((query.table, query.partition))
        if stored is None:
            page = self._query_items(query)
            size = sum(map(item_bytes, page.items))
        else:
            page, size = self._query_stored(stored, query)
        units = read_units(size, consistent=query.reads_consistently)
        self._charge("reads", query.partition, units)
        return page

    def _query_items(self, query: Query) -> Page:
        """Look only at the items of the partition."""
        if query.index is not None:
            return super().query(query)
        everything = self._items
        keys = self._partitions.get((query.table, query.partition), {})
        self._items = {key: everything[key] for key in keys}
        try:
            return super().query(query)
        finally:
            self._items = everything

    def _query_stored(self, stored: Stored, query: Query) -> tuple[Page, int]:
        low, high = query.between or (query.prefix, query.prefix + "\uffff")
        first, end = bisect_left(stored.names, low), bisect_right(stored.names, high)
        if query.start_after is not None:
            last = str(query.start_after["sk"])
            if query.newest_first:
                end = min(end, bisect_left(stored.names, last))
            else:
                first = max(first, bisect_right(stored.names, last))
        names = stored.names[first:end]
        if query.newest_first:
            names.reverse()
        page: list[bytes] = []
        size = 0
        for name in names[: query.limit]:
            wire, item_size = stored.items[name]
            page.append(wire)
            size += item_size
            if size > PAGE_BYTES / self.times:
                break
        following: dict[str, Value] | None = None
        if page and len(page) < len(names):
            following = {"pk": query.partition, "sk": names[len(page) - 1]}
        return Page(self._client.items(page), following), size

    @override
    def _commit(self, writes: Sequence[Write], *, factor: int) -> None:
        super()._commit(writes, factor=factor)
        self.spent += REQUEST_SECONDS / self.times
        for write in writes:
            key = write.key
            item = self._items.get(key)
            if item is None:
                self._partitions[key.table, key.pk].pop(key, None)
                continue
            size = item_bytes(item)
            if key.pk.startswith(STORED):
                del self._items[key]
                self._keep(key, item, self._client.wire(item))
            else:
                self._partitions[key.table, key.pk][key] = None
                if key.pk.startswith(OUTBOX_PREFIX):
                    self.messages.append(key)
            self._charge("writes", key.pk, factor * write_units(0, size))

    def load(self, key: Key, item: Item) -> None:
        """Store an item without a request."""
        self._keep(key, item, _stored_form(item))

    def _keep(self, key: Key, item: Item, wire: bytes) -> None:
        self._stored[key.table, key.pk].add(key.sk, wire, item_bytes(item))
        if key.pk.startswith(ROWS):
            self.stream.append((key, item))

    def _charge(self, kind: str, partition: str, units: float) -> None:
        whole = PARTITION_WRITES if kind == "writes" else PARTITION_READS
        sharing = {"CHAIN": self._parts / CHAINS, "SUBJECT": 1, "ACCOUNT": 1}
        limit = whole / sharing.get(partition.partition("#")[0], self._parts)
        if self.times > 1:
            limit = whole
        at = self.now + self.spent
        free_at = max(self._free_at[kind, partition], at - 1) + units / limit
        self._free_at[kind, partition] = free_at
        self.spent += max(0.0, free_at - at)


class TimedFiles:
    """IndexFiles on disk, with the time of S3.

    The files of one part are smaller, and so is what is read at once: there are as many requests
    for it as for all parts.
    """

    def __init__(self, directory: Path, table: LimitedTable) -> None:
        self._directory, self._table = directory, table

    def put(self, name: str, content: bytes) -> None:
        """See IndexFiles.put."""
        self._wait(len(content))
        path = self._directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def read(self, name: str, start: int, end: int) -> bytes:
        """See IndexFiles.read."""
        self._wait(end - start)
        with (self._directory / name).open("rb") as file:
            file.seek(start)
            return file.read(end - start)

    def _wait(self, size: int) -> None:
        self._table.spent += S3_SECONDS / self._table.times + size / S3_BYTES_A_SECOND


class TimedVault(MemoryVault):
    """A vault that keeps the names of its objects, with the time of S3."""

    def __init__(self, table: LimitedTable) -> None:
        super().__init__()
        self._table = table
        self.bytes = 0

    def _kept(self, content: bytes) -> bytes:
        self._table.spent += S3_SECONDS + len(content) / S3_BYTES_A_SECOND
        self.bytes += len(content)
        return b""

    @override
    def put_segment(self, chain: int, first: int, last: int, content: bytes) -> None:
        super().put_segment(chain, first, last, self._kept(content))

    @override
    def put_rows(self, shard: str, first: int, last: int, content: bytes) -> None:
        self._kept(content)


class TimedSqs:
    """The client of SQS: takes messages, and time."""

    def __init__(self, table: LimitedTable, take: Callable[[str], None]) -> None:
        self._table, self._take = table, take

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - names of AWS
        """Send up to ten messages."""
        del QueueUrl
        self._table.spent += SQS_SECONDS
        for entry in Entries:
            self._take(json.loads(entry["MessageBody"])["message_id"])
        return {}


class TimedSes:
    """The sender of emails: takes time, and a timeout while it is down."""

    def __init__(self, table: LimitedTable) -> None:
        self._table = table
        self.is_down = False
        self.sent = 0

    def send(self, to: str, letter: Letter) -> None:
        """Send an email."""
        del to, letter
        if self.is_down:
            self._table.spent += SES_TIMEOUT_SECONDS
            raise TimeoutError
        self._table.spent += SES_SECONDS
        self.sent += 1


@dataclass(slots=True)
class Function:
    """A Lambda function: its memory, and what its runs have cost.

    times  how often it is charged: as many parts as it works for
    """

    name: str
    memory: int
    timeout: float
    times: int = 1
    seconds: float = 0.0
    slowest: float = 0.0
    runs: int = 0
    last: float = 0.0

    @classmethod
    def of(cls, logical_id: str, *, times: int = 1) -> Function:
        """Return a function with the numbers of the template."""
        template = load()
        default = template["Globals"]["Function"]
        own = template["Resources"][logical_id]["Properties"]
        memory = own.get("MemorySize", default["MemorySize"])
        timeout = own.get("Timeout", default["Timeout"])
        name = own["CodeUri"].rpartition("/")[2]
        return cls(name, memory, timeout, times)

    def run(
        self, table: LimitedTable, at: float, call: Callable[[Callable[[], float]], object]
    ) -> float:
        """Run it at a simulated time. Returns how long it takes.

        call  gets a function that returns the remaining seconds
        """
        table.now, table.spent, table.free = at, 0.0, 0.0
        table.times = self.times
        begun = time.process_time()
        share = min(1.0, self.memory / PROCESSOR_MB)

        def elapsed() -> float:
            processor = time.process_time() - begun - table.free
            return (processor / share + table.spent) * self.times

        call(lambda: self.timeout - elapsed())
        return self.charge(elapsed())

    def charge(self, seconds: float) -> float:
        """Charge a run of so many seconds. Returns them."""
        self.runs += 1
        self.seconds += seconds
        self.slowest = max(self.slowest, seconds)
        self.last = seconds
        return seconds


@dataclass(slots=True)
class Shard:
    """A shard of a stream and its event source mapping."""

    batch: int
    window: float
    waiting: deque[tuple[float, int, str]] = field(default_factory=deque)
    free_at: float = 0.0
    _sequence: int = 0
    _size: int = 0

    def add(self, at: float, records: Iterable[str]) -> None:
        """Add records: their text, with SEQUENCE for the sequence number."""
        for record in records:
            self._sequence += 1
            self._size += len(record)
            self.waiting.append((at, self._sequence, record))

    def due(self, now: float) -> float | None:
        """Return when the next batch is delivered, if that is not after `now`."""
        if not self.waiting:
            return None
        oldest = self.waiting[0][0]
        full = len(self.waiting) >= self.batch or self._size >= EVENT_BYTES
        at = max(self.free_at, oldest if full else oldest + self.window)
        return at if at <= now else None

    def take(self) -> tuple[float, str, int]:
        """Take a batch. Returns the time of its oldest record, its event, and its records."""
        oldest, size = self.waiting[0][0], 0
        texts: list[str] = []
        while self.waiting and len(texts) < self.batch:
            size += len(self.waiting[0][2])
            if texts and size > EVENT_BYTES:
                break
            _, sequence, text = self.waiting.popleft()
            self._size -= len(text)
            texts.append(text.replace(SEQUENCE, f"{sequence:021d}"))
        return oldest, f'{{"Records":[{",".join(texts)}],"shardId":"{SHARD}"}}', len(texts)


SHARD = "shardId-00000001795312334845-0a1b2c3d"
SEQUENCE = "@SEQUENCE@"


def record_text(item: Item, *, keys_only: bool = False) -> str:
    """Return the record of a new item in the stream."""
    image = {name: to_wire(value) for name, value in item.items()}
    change: dict[str, Any] = {"Keys": {name: image[name] for name in ("pk", "sk")}}
    if not keys_only:
        change["NewImage"] = image
    change["SequenceNumber"] = SEQUENCE
    return json.dumps({"eventName": "INSERT", "dynamodb": change}, default=_base64)


def _stored_form(item: Item) -> bytes:
    image = {name: to_wire(value) for name, value in item.items()}
    return json.dumps(image, default=_base64).encode()


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@dataclass(slots=True)
class Queue:
    """A queue of SQS and the environments of its function.

    waiting  (visible at, number, sent at, id, times received)
    """

    environments: int
    batch: int
    visibility: float
    receives: int
    waiting: list[tuple[float, int, float, str, int]] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    _number: int = 0
    _free: list[float] = field(default_factory=list)

    def send(self, at: float, message_id: str, received: int = 0, sent_at: float = -1.0) -> None:
        """Add a message that is visible from a time on."""
        self._number += 1
        sent_at = at if sent_at < 0 else sent_at
        heapq.heappush(self.waiting, (at, self._number, sent_at, message_id, received))

    def receive(self, until: float) -> tuple[float, list[tuple[float, str, int]]] | None:
        """Return the next batch and the time of its delivery, if that is not after `until`."""
        self._free = self._free or [0.0] * self.environments
        if not self.waiting or max(self.waiting[0][0], self._free[0]) > until:
            return None
        at = max(heapq.heappop(self._free), self.waiting[0][0])
        batch: list[tuple[float, str, int]] = []
        while self.waiting and len(batch) < self.batch and self.waiting[0][0] <= at:
            _, _, sent_at, message_id, received = heapq.heappop(self.waiting)
            batch.append((sent_at, message_id, received + 1))
        return at, batch

    def finish(self, free_at: float) -> None:
        """Return an environment that is free again at a time."""
        heapq.heappush(self._free, free_at)

    def fail(self, at: float, message: tuple[float, str, int]) -> None:
        """Return a message that was not done."""
        sent_at, message_id, received = message
        if received >= self.receives:
            self.dead.append(message_id)
        else:
            self.send(at + self.visibility, message_id, received, sent_at)

    def oldest(self) -> float | None:
        """Return when the oldest message was sent."""
        return min((sent_at for _, _, sent_at, _, _ in self.waiting), default=None)

"""The ceiling of every partition key: writes docs/scale.md.

    PYTHONPATH=.:layers/shared python -m benchmarks.scale [--check]

Runs each event of EVENTS on the service in this process, workers and audit trail included, and
counts the units of every partition by DynamoDB's rules. A partition takes 1,000 write units and
3,000 read units a second, however many the table takes (Amazon DynamoDB Developer Guide,
"Designing partition keys").
"""

from __future__ import annotations

import argparse
import io
import re
import string
import sys
from collections import defaultdict
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, override

from latchkey.domain.limits import AUDIT_INDEX_SHARDS, AUDIT_REQUEST_SHARDS
from latchkey.events.audit_feeds import chain_stream_records, record_request_lines
from latchkey.observability import REQUEST_LINE
from latchkey.storage import keys
from latchkey.storage.capacity import item_bytes, read_units, write_units
from latchkey.storage.memory import MemoryTable
from latchkey.wiring.audit import audit_chain, request_trail
from tests.support.audit import audit_rows, captured_log, log_event, stream_event
from tests.support.person import ME, Person
from tests.support.pictures import multipart, png
from tests.support.service import PASSWORD, InProcessService
from tools.template import load as load_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from latchkey.storage.table import Item, Key, Page, Query, Write

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
PARTITION_WRITES, PARTITION_READS = 1000, 3000
"""Units a second of one partition."""

CHAINS = load_template()["Parameters"]["AuditChains"]["Default"]
INDEXES = ("gsi1", "gsi2", "gsi3")
EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class Partition:
    """A kind of partition key.

    pattern   of the key in `where`, a table or an index
    of        whose events share one key
    shards    the keys that events are spread over evenly
    note      when it is written, if no event of EVENTS does
    """

    name: str
    where: str
    pattern: str
    of: str
    shards: int = 1
    note: str = "-"


PARTITIONS = (
    Partition("ACCOUNT#<account>", "main", r"ACCOUNT#\w+", "a person"),
    Partition("EMAIL#<address>", "main", r"EMAIL#.+", "an address"),
    Partition("USERNAME#<name>", "main", r"USERNAME#.+", "a name"),
    Partition("TOKEN#<token>", "main", r"TOKEN#\w+", "a link or code"),
    Partition("REGISTRATION#<digest>", "main", r"REGISTRATION#\w+", "an idempotency key"),
    Partition("RECEIPT#<receipt>", "main", r"RECEIPT#\w+", "an erasure"),
    Partition("ERASED#<identity>", "main", r"ERASED#\w+", "a person", note="erased identity"),
    Partition("ISSUERS", "main", r"ISSUERS", EVERYBODY, note="fetched keys of other issuers"),
    Partition("LIMIT#<name>#<whose>", "main", r"LIMIT#.+", "a client, network or account"),
    Partition("TASK#<task>", "main", r"TASK#.+", "a schedule", note="once a run"),
    Partition("OUTBOX#HEARTBEAT", "main", r"OUTBOX#HEARTBEAT", "a schedule", note="once a run"),
    Partition("OUTBOX#<day>#<shard>", "main", r"OUTBOX#\d.*#\d", EVERYBODY, keys.OUTBOX_SHARDS),
    Partition("UNSHOWN_AVATARS", "main", r"UNSHOWN_AVATARS", EVERYBODY),
    Partition(
        "ADMINISTRATORS", "main", r"ADMINISTRATORS", EVERYBODY, note="change of an administrator"
    ),
    Partition(
        "ACCOUNTS#<status>#<shard>", "main gsi1", r"ACCOUNTS#\w+#\d", EVERYBODY, keys.LIST_SHARDS
    ),
    Partition("SESSIONS#<shard>", "main gsi1", r"SESSIONS#\d", EVERYBODY, keys.LIST_SHARDS),
    Partition("EXPORT_DUE", "main gsi1", r"EXPORT_DUE", EVERYBODY),
    Partition("EXPORT_FAILED", "main gsi1", r"EXPORT_FAILED", EVERYBODY, note="failed export"),
    Partition("PURGE_DUE", "main gsi1", r"PURGE_DUE", EVERYBODY),
    Partition("TOKENS#<account>", "main gsi1", r"TOKENS#\w+", "a person"),
    Partition("ADDRESSES#<first letter>", "main gsi2", r"ADDRESSES#.?", "a first letter"),
    Partition("IPS#<first bits>", "main gsi2", r"IPS#.+", "a network /16 (IPv4), /32 (IPv6)"),
    Partition("SUBJECT#<pseudonym>", "audit", r"SUBJECT#\w+", "a person"),
    Partition(
        "REQUESTS#<hour>#<n>", "audit", r"REQUESTS#[^#]+#\d+", EVERYBODY, AUDIT_REQUEST_SHARDS
    ),
    Partition(
        "REQUESTS#<hour>#PACKS#<n>",
        "audit",
        r"REQUESTS#.+#PACKS#\d+",
        EVERYBODY,
        AUDIT_REQUEST_SHARDS,
    ),
    Partition("LATE_PACKS#<hour>", "audit", r"LATE_PACKS#.+", EVERYBODY, note="redriven lines"),
    Partition("CHAIN#<chain>", "audit", r"CHAIN#\d+", EVERYBODY, CHAINS),
    Partition("CHAINS", "audit", r"CHAINS", EVERYBODY, note="a new shard of the stream"),
    Partition("REQUEST_INDEX", "main", r"REQUEST_INDEX", EVERYBODY, note="once a run"),
    Partition("SESSION#<session>", "audit gsi1", r"SESSION#\w+", "a session"),
    Partition("DAY#<day>#<shard>", "audit gsi2", r"DAY#.+", EVERYBODY, AUDIT_INDEX_SHARDS),
    Partition(
        "ACTION#<action>#<day>#<shard>", "audit gsi3", r"ACTION#.+", "an action", AUDIT_INDEX_SHARDS
    ),
)


@dataclass(slots=True)
class Units:
    """Write and read units of one partition."""

    writes: float = 0.0
    reads: float = 0.0


class CountingTable(MemoryTable):
    """A table in memory that counts the units of each partition, those of indexes included."""

    def __init__(self) -> None:
        super().__init__()
        self.units: dict[tuple[str, str], Units] = defaultdict(Units)

    @override
    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        item = super().get(key, consistent=consistent)
        self.units[key.table, key.pk].reads += read_units(
            item_bytes(item or {}), consistent=consistent
        )
        return item

    @override
    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        found = super().get_many(keys)
        sizes = {(item["pk"], item["sk"]): item_bytes(item) for item in found}
        for key in keys:
            self.units[key.table, key.pk].reads += read_units(
                sizes.get((key.pk, key.sk), 0), consistent=True
            )
        return found

    @override
    def query(self, query: Query) -> Page:
        page = super().query(query)
        where = _where(query.index or "", query.table)
        self.units[where, query.partition].reads += read_units(
            sum(map(item_bytes, page.items)), consistent=query.index is None
        )
        return page

    @override
    def _commit(self, writes: Sequence[Write], *, factor: int) -> None:
        before = {write.key: self._items.get(write.key, {}).copy() for write in writes}
        super()._commit(writes, factor=factor)
        for key, old in before.items():
            new = self._items.get(key, {})
            units = factor * write_units(item_bytes(old), item_bytes(new))
            self.units[key.table, key.pk].writes += units
            self._count_entries(key, old, new)

    def _count_entries(self, key: Key, old: Item, new: Item) -> None:
        """Count index entries, which have keys only: a unit to remove one and one to add one."""
        for index in INDEXES:
            names = f"{index}pk", f"{index}sk"
            was, is_now = ([item.get(name) for name in names] for item in (old, new))
            if was == is_now:
                continue
            for partition, _ in (was, is_now):
                if partition is not None:
                    self.units[_where(index, key.table), str(partition)].writes += 1


def _where(index: str, table: str) -> str:
    return f"{table} {index}".strip()


# Events -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Stage:
    """The service, and people to act on."""

    service: InProcessService
    people: list[Person]
    turn: int = 0
    units: dict[str, dict[tuple[str, str], Units]] = field(default_factory=dict)

    def person(self) -> Person:
        """Return another person each time."""
        self.turn += 1
        return self.people[self.turn % len(self.people)]

    def network(self) -> str:
        """Return an address of another network for each turn."""
        return f"198.{18 + self.turn % 2}.{self.turn // 2 % 256}.7"

    def sign_in_all(self) -> None:
        """Renew the access tokens, which last for ten minutes."""
        for person in self.people:
            person.token = self.service.login(person.email).data["access_token"]
        self.service.work()


def read(stage: Stage) -> None:
    """Read the own account; the last activity is written once a minute."""
    stage.service.clock.advance(seconds=5)
    stage.person().get()


def refused(stage: Stage) -> None:
    """Send an invalid change."""
    stage.person().patch({"age": "old"})


def change(stage: Stage) -> None:
    """Change the profile."""
    stage.person().patch({"occupation": f"engineer {stage.turn}"})


def sign_in(stage: Stage) -> None:
    """Sign in on a new device, which causes an email."""
    stage.service.login(stage.person().email, source_ip=stage.network())


def sign_out(stage: Stage) -> None:
    """Sign out."""
    person = stage.person()
    stage.service.request("POST", "/api/v1/auth/logout", token=person.token)


def register(stage: Stage) -> None:
    """Register; the address starts with another letter each time."""
    stage.turn += 1
    letter = string.ascii_lowercase[stage.turn % len(string.ascii_lowercase)]
    name = f"{letter}{stage.turn}"
    body = {"email": f"{name}@example.org", "username": name, "password": PASSWORD}
    stage.service.request(
        "POST",
        "/api/v1/auth/register",
        json_body=body,
        headers={"idempotency-key": f"key-of-{name}-0123456789"},
        source_ip=stage.network(),
    )


def change_avatar(stage: Stage) -> None:
    """Replace the avatar."""
    form, content_type = multipart(avatar=("a.png", png()))
    headers = {"content-type": content_type}
    stage.person().request("PATCH", ME, raw_body=form, headers=headers)


def export(stage: Stage) -> None:
    """Ask for an export, which a worker writes."""
    stage.person().request("POST", f"{ME}/export")


def erase(stage: Stage) -> None:
    """Ask for the erasure of the own account, which a worker does."""
    person = stage.person()
    person.request("DELETE", ME, query={"hard": "true"})


def anonymous(stage: Stage) -> None:
    """Send a request without a session."""
    stage.turn += 1
    stage.service.request("GET", ME, source_ip=stage.network())


@dataclass(frozen=True, slots=True)
class Kind:
    """An event and its number per second at the goal.

    milliseconds  of all its functions, from docs/cost.md
    """

    name: str
    per_second: int
    milliseconds: int
    run: Callable[[Stage], None]


EVENTS = (
    Kind("read", 4_750, 14, read),
    Kind("refused request", 150, 12, refused),
    Kind("change", 100, 25, change),
    Kind("sign-in on a new device", 1_000, 175, sign_in),
    Kind("sign-out", 1_000, 24, sign_out),
    Kind("registration", 100, 175, register),
    Kind("anonymous request", 1_000, 7, anonymous),
    Kind("change of the avatar", 10, 200, change_avatar),
    Kind("export", 1, 600, export),
    Kind("erasure", 1, 300, erase),  # the last one: nobody is left
)
"""5,000 requests a second of the ordinary mix, 1,000 sign-ins, and strangers beside them."""

ROUNDS = 100
"""Events of a kind: as many as a busy deployment's batch of log lines has."""


def measure(rounds: int = ROUNDS) -> dict[str, dict[tuple[str, str], Units]]:
    """Run every event some times. Returns the average units of an event by partition."""
    settings = {"RATE_LIMIT_FACTOR": "1000000", "SESSION_LIMIT": "90"}
    table = CountingTable()
    with redirect_stdout(io.StringIO()), captured_log():
        service = InProcessService(table=table, **settings)
        people = [Person(service, f"person{number}@example.com") for number in range(rounds)]
        service.work()
        stage = Stage(service, people)
        _chain(service, audit_rows(table), after=0)
        return {event.name: _units_of(event, stage, table, rounds) for event in EVENTS}


def _chain(service: InProcessService, rows: list[Item], *, after: int) -> None:
    flow = service.services[audit_chain]
    chain_stream_records(stream_event(rows, first=after + 1), flow, service.clock.now())


def _units_of(
    event: Kind, stage: Stage, table: CountingTable, rounds: int
) -> dict[tuple[str, str], Units]:
    stage.sign_in_all()
    if event.run is change_avatar:
        for _ in range(rounds):
            change_avatar(stage)  # the first avatar replaces none
    known = {(str(row["pk"]), str(row["sk"])) for row in audit_rows(table)}
    units = table.units = defaultdict(Units)
    with captured_log() as log:
        for _ in range(rounds):
            event.run(stage)
        stage.service.work()
        lines = [line for line in log.getvalue().splitlines() if REQUEST_LINE in line]
        now = stage.service.clock.now()
        record_request_lines(log_event(lines), stage.service.services[request_trail], now)
        rows = [row for row in audit_rows(table) if (str(row["pk"]), str(row["sk"])) not in known]
        _chain(stage.service, rows, after=len(known))
    table.units = defaultdict(Units)
    return {key: Units(u.writes / rounds, u.reads / rounds) for key, u in units.items()}


# The page -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Load:
    """A kind of partition under the goal's load."""

    partition: Partition
    units: dict[str, Units] = field(default_factory=lambda: defaultdict(Units))

    def utilization(self) -> float:
        """Return the share of a shard's capacity that the goal needs, if everybody shares it."""
        writes = sum(self.units[event.name].writes * event.per_second for event in EVENTS)
        reads = sum(self.units[event.name].reads * event.per_second for event in EVENTS)
        shards = self.partition.shards
        return max(writes / shards / PARTITION_WRITES, reads / shards / PARTITION_READS)


def partition_of(where: str, key: str) -> Partition:
    """Return the kind of a partition key. Raises ValueError for one that is not in the table."""
    for partition in PARTITIONS:
        if partition.where == where and re.fullmatch(partition.pattern, key):
            return partition
    msg = f"PARTITIONS lacks {key} of {where}"
    raise ValueError(msg)


def loads(measured: dict[str, dict[tuple[str, str], Units]]) -> list[Load]:
    """Sum the units of an event by kind of partition."""
    found = {partition: Load(partition) for partition in PARTITIONS}
    for event, by_key in measured.items():
        for (where, key), units in by_key.items():
            load = found[partition_of(where, key)]
            load.units[event].writes += units.writes
            load.units[event].reads += units.reads
    return list(found.values())


def rows(loads_: list[Load]) -> Iterator[str]:
    """Yield the table of partitions, the most used first."""
    yield "| key | in | shared by | shards | write units of an event | ceiling | at the goal |"
    yield "|---|---|---|--:|---|---|--:|"
    shared = [load for load in loads_ if load.partition.of in {EVERYBODY, "an action"}]
    for load in sorted(shared, key=Load.utilization, reverse=True):
        yield _row(load, f"{load.utilization():.0%}")
    for load in loads_:
        if load not in shared:
            yield _row(load, "-")


def _row(load: Load, goal: str) -> str:
    partition = load.partition
    by_writes = sorted(load.units.items(), key=lambda entry: -entry[1].writes)
    costs = [f"{name} {units.writes:.2g}" for name, units in by_writes if units.writes]
    ceiling = "-"
    if costs:
        name, units = by_writes[0]
        each = PARTITION_WRITES * partition.shards / units.writes
        ceiling = f"{name}: {each:,.0f} a second"
    return (
        f"| `{partition.name}` | {partition.where} | {partition.of} | {partition.shards} "
        f"| {', '.join(costs) or partition.note} | {ceiling} | {goal} |"
    )


def totals(loads_: list[Load]) -> Iterator[str]:
    """Yield what the goal needs of each table and of Lambda."""
    for table in ("main", "audit"):
        writes = reads = 0.0
        for load in loads_:
            if load.partition.where.split()[0] == table:
                writes += sum(load.units[e.name].writes * e.per_second for e in EVENTS)
                reads += sum(load.units[e.name].reads * e.per_second for e in EVENTS)
        yield f"| {table} table | {writes:,.0f} write and {reads:,.0f} read units a second |"
    concurrency = sum(event.per_second * event.milliseconds for event in EVENTS) / 1000
    yield f"| Lambda | {concurrency:,.0f} functions at once |"
    requests = sum(event.per_second for event in EVENTS)
    yield f"| API Gateway | {requests:,} requests a second |"


def main(arguments: list[str]) -> int:
    """Write the generated part of the page, or with --check tell whether it is out of date."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--check", action="store_true")
    chosen = options.parse_args(arguments)
    text = PAGE.read_text(encoding="utf-8")
    expected = with_section(text, "ceilings", page_lines())
    if not chosen.check:
        PAGE.write_text(expected, encoding="utf-8")
    return int(chosen.check and text != expected)


def page_lines() -> list[str]:
    """Return the generated part of the page."""
    found = loads(measure())
    goal = ["| of | needed at the goal |", "|---|---|", *totals(found)]
    return [*goal, "", *rows(found)]


def section(text: str, name: str) -> list[str]:
    """Return the lines of a generated part of a page."""
    _, _, rest = text.partition(f"<!-- {name}: generated -->\n")
    return rest.partition(f"<!-- end of {name} -->")[0].strip().splitlines()


def with_section(text: str, name: str, lines: list[str]) -> str:
    """Replace a generated part of a page."""
    begin, end = f"<!-- {name}: generated -->\n", f"<!-- end of {name} -->"
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{begin}\n" + "\n".join(lines) + f"\n\n{end}{tail}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

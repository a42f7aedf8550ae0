"""How the cost of a request grows with the data: read units, by DynamoDB's rules.

    PYTHONPATH=.:layers/shared python -m benchmarks.growth [ROWS]

The table is in memory. A person has ROWS audit rows, by default 950,000 (a minute and 2 GB).
"""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.scale_simulation import a_change
from benchmarks.simulated_aws import LimitedTable
from latchkey.domain.audit import Action, AuditRecord
from latchkey.domain.ids import AccountId, RowId, new_ordered_id
from latchkey.events.audit_feeds import chain_stream_records
from latchkey.observability import units
from latchkey.storage.audit_rows import row_put
from latchkey.storage.memory import MemoryTable
from latchkey.wiring.audit import audit_anchors, audit_archive, audit_chain
from latchkey.wiring.storage import account_store
from tests.support.audit import captured_log, stream_event
from tests.support.person import ME, Person
from tests.support.service import InProcessService

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latchkey.domain.ids import SubjectId

SESSIONS = (1, 4, 10, 50, 90)


def a_service() -> InProcessService:
    """Return a service whose table counts units."""
    table = MemoryTable(metered=True)
    return InProcessService(table=table, RATE_LIMIT_FACTOR="1000000", SESSION_LIMIT="90")


def read_units_of(person: Person, path: str, **options: Any) -> float:
    """Return the read units of a request, the authorizer's included."""
    units.reset()
    before = units.read
    answer = person.get(path, **options)
    assert answer.body["success"], answer.body
    return units.read - before


def sessions() -> Iterator[str]:
    """Yield the cost of the list of sessions by their number."""
    yield "| sessions | read units of the list |"
    yield "|--:|--:|"
    for number in SESSIONS:
        service = a_service()
        person = Person(service)
        for _ in range(number - 1):
            service.login(person.email)
        yield f"| {number} | {read_units_of(person, f'{ME}/sessions'):.0f} |"


def history(rows: int) -> Iterator[str]:
    """Yield the cost of a page of a long history."""
    service = a_service()
    person, admin = Person(service), Person(service, "admin@example.com")
    admin.become_admin()
    subject = _subject(service, person)
    for number in range(rows):
        at = service.clock.now() - timedelta(days=300) + timedelta(seconds=number * 20)
        record = AuditRecord(
            id=RowId(new_ordered_id("aud", at)),
            at=at,
            action=Action.PROFILE_CHANGED,
            actor=subject,
            subject_id=subject,
            request_id="JKJaXmPLvHcESHA=",
            changed=("occupation",),
            sealed=None,
        )
        service.table.put(row_put(record, retention=timedelta(days=365)))
    yield "| a page of | read units |"
    yield "|---|--:|"
    yield f"| `GET /users/me/activity` | {read_units_of(person, f'{ME}/activity'):.0f} |"
    query = {"user_id": person.id}
    yield f"| `GET /audit?user_id=` | {read_units_of(admin, '/api/v1/audit', query=query):.0f} |"


def verification(rows: int) -> Iterator[str]:
    """Yield what an auditor's check of a copy takes."""
    yield "| rows | processor seconds | MiB of memory | MB of the copy |"
    yield "|--:|--:|--:|--:|"
    for number in (rows // 100, rows // 10):
        with tempfile.TemporaryDirectory() as name:
            copy = Path(name)
            size = _write_copy(copy, number)
            code = [sys.executable, "-m", "tools.audit.verify", name, "--keys", f"{name}/keys.json"]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(code, check=True, stdout=subprocess.DEVNULL)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds = after.ru_utime - before.ru_utime
            memory = after.ru_maxrss / 1024
            yield f"| {number:,} | {seconds:.1f} | {memory:,.0f} | {size / 1e6:,.0f} |"


def _write_copy(directory: Path, rows: int) -> int:
    """Chain and archive rows, and write the bucket to a directory. Returns its bytes."""
    table = LimitedTable()
    service = InProcessService(table=table)
    at = service.clock.now()
    for first in range(1, rows + 1, 10_000):
        for _ in range(min(10_000, rows + 1 - first)):
            table.put(row_put(a_change(at), retention=timedelta(days=365)))
        batch = [item for _, item in table.stream]
        table.stream.clear()
        flow = service.services[audit_chain]
        chain_stream_records(stream_event(batch, first=first), flow, at)
    service.services[audit_anchors].anchor(at)
    service.clock.advance(hours=2)
    service.services[audit_archive].archive(service.clock.now(), lambda: 900)
    vault = service.audit_vault
    for name, content in vault.objects.items():
        path = directory / name
        path = path.with_name(f"1-{path.name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (directory / "keys.json").write_text(json.dumps(service.audit_key.jwks))
    (directory / "live.ndjson").touch()
    return sum(map(len, vault.objects.values()))


def _subject(service: InProcessService, person: Person) -> SubjectId:
    return service.services[account_store].get(AccountId(person.id)).audit.id


def main(arguments: list[str]) -> int:
    """Print the tables."""
    rows = int(arguments[0]) if arguments else 950_000
    # The last one makes this process large, which would count for its children.
    for section in (sessions(), verification(rows), history(rows)):
        with redirect_stdout(io.StringIO()), captured_log():
            lines = list(section)
        print("\n".join([*lines, ""]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

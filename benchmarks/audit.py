"""What the audit trail adds to a million requests: units, bytes and dollars, for a mix of requests.

Run: PYTHONPATH=.:layers/shared python -m benchmarks.audit
"""

from __future__ import annotations

import io
import math
from contextlib import redirect_stdout
from itertools import batched
from typing import TYPE_CHECKING

from benchmarks.audit_reads import dollars_per_read, measure
from latchkey.domain.audit import Action
from latchkey.events.audit_feeds import chain_stream_records, record_request_lines
from latchkey.observability import REQUEST_LINE
from latchkey.storage.capacity import item_bytes
from latchkey.storage.keys import audit_chain_partition
from latchkey.wiring.audit import audit_archive, audit_chain, request_trail
from tests.functions.test_audit_campaigns import mixed_requests
from tests.support.audit import accounted, audit_rows, captured_log, log_event, stream_event
from tests.support.service import InProcessService
from tools.intrinsics import Resolver

if TYPE_CHECKING:
    from latchkey.storage.table import Item

BLOCKS = audit_chain_partition(0)[:-1]
REQUESTS = 10_000
BATCH = 100
"""How many log lines, or rows, a busy deployment hands to a function at once."""

# us-east-1, on demand, dollars.
WRITE_UNIT = 0.625e-6
READ_UNIT = 0.125e-6
LOG_BYTE = 0.50 / 1e9
LOG_EVENT = 26
"""Bytes that CloudWatch Logs adds to each line (CloudWatch Logs API Reference, PutLogEvents)."""
STORED_BYTE_MONTH = 0.25 / 1e9
LAMBDA_GB_SECOND = 13.3334e-6  # arm64
LAMBDA_SECOND = 0.25 * LAMBDA_GB_SECOND
LAMBDA_CALL = 0.20e-6
S3_PUT = 5e-6
S3_BYTE_MONTH = 0.023 / 1e9
KMS_SIGNATURE = 15e-6
ALARM_MONTH = 0.10
ANCHOR_SECONDS = 0.1
SECONDS_A_BATCH = {"record_requests": 0.5, "chain_audit": 0.2}
"""On Lambda: 100 PutItem of 5 ms one after the other; an object, a signature and a block."""
MEMORY_GB = {"record_requests": 0.25, "chain_audit": 1769 / 1024}
COMPARED_ROWS = 20_000
"""Rows that archive_audit compares every hour at most."""
INDEXES = ("gsi1pk", "gsi2pk", "gsi3pk")
READS = 0.95
MIX = {"refusals": 0.03, "changes": 0.02}


def row_dollars(rows: list[Item], *, transacted: bool) -> float:
    """Return what writing such a row costs on average, its indexes of keys included."""
    units = 0
    for row in rows:
        size = math.ceil(item_bytes(row) / 1024)
        units += (2 * size if transacted else size) + sum(name in row for name in INDEXES)
    return WRITE_UNIT * units / len(rows)


def main() -> None:
    """Send the requests, record and chain them, and print the table."""
    service = InProcessService()
    with redirect_stdout(io.StringIO()), captured_log() as log:
        mixed_requests(service, REQUESTS, seed=7)
    logged = log.getvalue().splitlines()
    lines = [line for line in logged if REQUEST_LINE in line]
    changes = audit_rows(service.table)
    with captured_log() as chain_log:
        for batch in batched(lines, BATCH, strict=False):
            recorder = service.services[request_trail]
            record_request_lines(log_event(batch), recorder, service.clock.now())
        rows = audit_rows(service.table)
        for number, part in enumerate(batched(rows, BATCH, strict=False)):
            chain, event = service.services[audit_chain], stream_event(part, first=number * BATCH)
            chain_stream_records(event, chain, service.clock.now())
    requests = accounted(rows).total
    # Packs of one person compress better than usual, so `audit_reads` measures reads.
    refusals = [row for row in rows if row["action"] == Action.REQUEST_REFUSED]
    counts = [row for row in rows if "counts" in row]
    items = service.table.all_items()
    blocks = [item for item in items if str(item["pk"]).startswith(BLOCKS)]
    block_units = sum(math.ceil(item_bytes(block) / 1024) for block in blocks)
    heads = [line for line in chain_log.getvalue().splitlines() if '"heads"' in line]
    access_line = len(Resolver({}).properties("Api")["AccessLogSettings"]["Format"])
    service.clock.advance(hours=2)
    service.services[audit_archive].archive(service.clock.now(), lambda: 900.0)
    archived = sum(len(service.audit_vault.objects[n]) for n in service.audit_vault.objects)
    kinds = {
        "refusals": row_dollars(refusals, transacted=False),
        "changes": row_dollars(changes, transacted=True),
    }
    counted = accounted(counts).total
    read = sum(dollars_per_read(measure()).values())
    each = {
        "blocks": WRITE_UNIT * block_units / len(rows),
        "the blocks' heads in the log": LOG_BYTE * sum(map(len, heads)) / len(rows),
        "the stream, and the log's subscription": 0.0,
        "Lambda": sum(
            LAMBDA_CALL + LAMBDA_GB_SECOND * MEMORY_GB[name] * seconds
            for name, seconds in SECONDS_A_BATCH.items()
        )
        / BATCH,
        "archive: an object of rows": S3_PUT / BATCH,
        "archive: reading blocks": READ_UNIT
        * sum(math.ceil(item_bytes(item) / 4096) for item in blocks)
        / len(rows),
        "archive: a year in S3": 12 * S3_BYTE_MONTH * archived / len(rows),
    }
    stored = 3 * STORED_BYTE_MONTH * sum(map(item_bytes, [*refusals, *changes]))
    stored /= len(refusals) + len(changes)
    logs = {
        "the requests' log lines": LOG_BYTE * (LOG_EVENT + sum(map(len, lines)) / len(lines)),
        "the access log": LOG_BYTE * (LOG_EVENT + access_line),
    }
    runs = 30 * 24 * 12
    monthly = {
        "anchors, every five minutes": runs
        * (S3_PUT + LAMBDA_CALL + LAMBDA_SECOND * ANCHOR_SECONDS),
        "comparing rows with their blocks, at most": READ_UNIT * COMPARED_ROWS * 30 * 24,
        "five alarms": 5 * ALARM_MONTH,
    }
    row = sum(each.values()) + stored
    mix = {f"{share:.0%} {kind}": share * (kinds[kind] + row) for kind, share in MIX.items()}
    mix["95% reads"] = READS * read
    print(f"{requests} requests, {len(rows)} rows, {len(blocks)} blocks")
    _show("A million of each", {f"rows of {kind}": price for kind, price in kinds.items()} | each)
    _show("A million of each, all evidence", {"reads": read, "a row besides its writes": row})
    _show(
        "A million requests without an account",
        {
            "counts, in batches of 100": row_dollars(counts, transacted=False)
            * len(counts)
            / counted
        },
    )
    _show("A million requests", mix | {"together": sum(mix.values())})
    _show("What a million requests log besides", logs)
    _show("A month", {name: price / 1e6 for name, price in monthly.items()})
    _show("With KMS", {"blocks of 50 rows, signed": KMS_SIGNATURE * len(blocks) / len(rows)})


def _show(title: str, dollars: dict[str, float]) -> None:
    print(title)
    for name, price in dollars.items():
        print(f"  {name:44} ${price * 1e6:.2f}")


if __name__ == "__main__":
    main()

"""What all evidence of a million reads costs: packs, chain, archive, index, and a year of storage.

The lines have ids and sealed values like those of AWS, of many people in random order. They go
through `record_requests` in batches of 100, the chain, the archive and the index.

Run: PYTHONPATH=.:layers/shared python -m benchmarks.audit_reads
"""

from __future__ import annotations

import json
import math
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from itertools import batched

from benchmarks.prices import (
    GB_SECOND,
    LAMBDA_CALL,
    LOG_BYTE,
    READ_UNIT,
    RECOVERY_BYTE_MONTH,
    S3_BYTE_MONTH,
    S3_GET,
    S3_PUT,
    TABLE_BYTE_MONTH,
    WRITE_UNIT,
)
from latchkey.domain.limits import AUDIT_PACK_DAYS
from latchkey.events.audit_feeds import chain_stream_records, record_request_lines
from latchkey.storage.capacity import item_bytes
from latchkey.storage.memory import MemoryTable
from latchkey.wiring.audit import audit_chain, request_indexer, request_trail
from tests.support.audit import audit_rows, captured_log, log_event, stream_event
from tests.support.request_lines import Traffic
from tests.support.service import InProcessService

REQUESTS = 10_000
PEOPLE = 5_000
BATCH = 100
"""How many log lines a busy deployment hands to `record_requests` at once."""

PACKS_A_BATCH = 100
"""Packs in a batch of the stream, which has 6 MB, or of 30 seconds of a shard: 1,300 requests a
second in four shards. At 5,000 a second a batch has four times as many."""

FULL_CORE_MB = 1769
"""Lambda gives one core to a function of this size, and a share of it to a smaller one."""
RECORDER_MB = 256
CALL_SECONDS = 0.005
"""Of DynamoDB, assumed."""
RECORD_SECONDS = 0.007
"""Of a whole core for a batch of 100 lines, assumed; measured: 0.005 to 0.007."""
CHAIN_BATCH_SECONDS = 0.2
CHAIN_PACK_SECONDS = 0.001
"""Of `chain_audit`, assumed: for a batch of the stream, and for reading, digesting and compressing
a pack in it; measured: 0.0006."""
INDEX_SECONDS = 20e-6
"""Of a whole core for a line in each level, assumed; measured: 0.00002."""

FILES_A_DAY = 1 + 24 + 288
MERGES = 3
"""Each line is written into a file of minutes, of an hour and of a day."""
LOWER_LEVELS_MONTHS = 2 * 14 / 30


@dataclass(frozen=True, slots=True)
class Measured:
    """What the project's own code wrote and took, for REQUESTS reads."""

    pack_bytes: int
    pack_units: int
    pack_read_units: float
    packs: int
    block_bytes: int
    archive_bytes: int
    index_bytes: int
    record_seconds: float
    index_seconds: float
    head_bytes: int
    recorder_line_bytes: int


def measure(requests: int = REQUESTS) -> Measured:
    """Send reads through the workers, and measure what they leave."""
    table = MemoryTable()
    service = InProcessService(table=table)
    traffic = Traffic(PEOPLE, service.clock.now())
    start = service.clock.now()
    lines = [
        json.dumps(traffic.line(start + timedelta(milliseconds=number / 5)))
        for number in range(requests)
    ]
    service.clock.advance(seconds=requests / 5000)
    recorder, chain = service.services[request_trail], service.services[audit_chain]
    events = [log_event(batch) for batch in batched(lines, BATCH, strict=False)]
    with captured_log() as log, redirect_stdout(StringIO()):
        began = time.process_time()
        for event in events:
            record_request_lines(event, recorder, service.clock.now())
        record_seconds = time.process_time() - began
        packs = audit_rows(table)
        for number, part in enumerate(batched(packs, PACKS_A_BATCH, strict=False)):
            event = stream_event(part, first=1 + number * PACKS_A_BATCH)
            chain_stream_records(event, chain, service.clock.now())
        heads = sum(len(line) for line in log.getvalue().splitlines() if '"heads"' in line)
        recorded = sum(len(line) for line in log.getvalue().splitlines() if '"items"' in line)
        service.clock.advance(hours=3)
        began = time.process_time()
        service.services[request_indexer].run(lambda: 900)
        index_seconds = time.process_time() - began
    blocks = [i for i in table.all_items() if str(i["pk"]).startswith("CHAIN#")]
    archived = [c for name, c in service.audit_vault.objects.items() if name.startswith("rows/")]
    indexed = [c for name, c in service.index_files.objects.items() if name.startswith("1/")]
    return Measured(
        pack_bytes=sum(map(item_bytes, packs)),
        pack_units=sum(math.ceil(item_bytes(pack) / 1024) for pack in packs),
        pack_read_units=sum(math.ceil(item_bytes(pack) / 4096) for pack in packs),
        packs=len(packs),
        block_bytes=sum(map(item_bytes, blocks)),
        archive_bytes=sum(map(len, archived)),
        index_bytes=sum(map(len, indexed)),
        record_seconds=record_seconds,
        index_seconds=index_seconds,
        head_bytes=heads,
        recorder_line_bytes=recorded,
    )


def dollars_per_read(measured: Measured, requests: int = REQUESTS) -> dict[str, float]:
    """Return the price of each part of the evidence of one read."""
    month = AUDIT_PACK_DAYS / 30 * (TABLE_BYTE_MONTH + RECOVERY_BYTE_MONTH)
    full_second = GB_SECOND * FULL_CORE_MB / 1024
    record_second = GB_SECOND * RECORDER_MB / 1024
    # The processor's time on a share of a core, and a call for each pack.
    recording = (RECORD_SECONDS * FULL_CORE_MB / RECORDER_MB + CALL_SECONDS) * measured.packs
    chaining = CHAIN_BATCH_SECONDS / PACKS_A_BATCH + CHAIN_PACK_SECONDS
    chaining = (LAMBDA_CALL / PACKS_A_BATCH + chaining * full_second) * measured.packs
    indexing = MERGES * INDEX_SECONDS * requests * full_second
    total = {
        "packs, written": WRITE_UNIT * measured.pack_units,
        "packs, a week in the table with its backups": measured.pack_bytes * month,
        "record_requests": LAMBDA_CALL * measured.packs + record_second * recording,
        "log lines of record_requests": LOG_BYTE * measured.recorder_line_bytes,
        "chained: blocks for 90 days, chain_audit, heads in the log": (
            WRITE_UNIT * measured.block_bytes / 1024
            + 3 * (TABLE_BYTE_MONTH + RECOVERY_BYTE_MONTH) * measured.block_bytes
            + LOG_BYTE * measured.head_bytes
            + chaining
        ),
        "archive: written by chain_audit, a year in S3": (
            S3_PUT * measured.packs / PACKS_A_BATCH + 12 * S3_BYTE_MONTH * measured.archive_bytes
        ),
        "index: reading packs, index_requests": (READ_UNIT * measured.pack_read_units + indexing),
        "index: 90 days in S3, lower levels for 14 days": (
            S3_BYTE_MONTH * measured.index_bytes * (3 + LOWER_LEVELS_MONTHS)
        ),
    }
    return {name: price / requests for name, price in total.items()}


def monthly() -> dict[str, float]:
    """Return what the index costs a month, however few requests there are."""
    runs = 30 * 288
    return {
        "files of the index, written and read for merges": 30 * FILES_A_DAY * (S3_PUT + 2 * S3_GET),
        "index_requests every five minutes": runs
        * (LAMBDA_CALL + 0.15 * GB_SECOND * FULL_CORE_MB / 1024 + 10 * READ_UNIT + 4 * WRITE_UNIT),
    }


def main() -> None:
    """Measure, and print the table."""
    measured = measure()
    prices = dollars_per_read(measured)
    print(measured)
    print("A million reads")
    for name, price in prices.items():
        print(f"  {name:60} ${price * 1e6:.4f}")
    print(f"  {'together':60} ${sum(prices.values()) * 1e6:.4f}")
    print("A month")
    for name, price in monthly().items():
        print(f"  {name:60} ${price:.2f}")


if __name__ == "__main__":
    main()

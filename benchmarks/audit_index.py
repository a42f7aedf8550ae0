"""What a step of `index_requests` takes: a file of AUDIT_INDEX_FILE_LINES lines.

    PYTHONPATH=.:layers/shared python -m benchmarks.audit_index

Each step runs in a process of its own, with its files on disk. A slice reads packs from a table in
memory, which is in the memory before the step. The merge has as many inputs as an hour of 5,000
requests a second, and each is larger than what is read of it at once.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from latchkey.domain.index_files import IndexDay, IndexFile, Merge, build_file
from latchkey.domain.limits import AUDIT_INDEX_FILE_LINES
from latchkey.domain.packed_requests import key_of_line, line_of
from latchkey.flows.request_indexing import RequestIndexer
from latchkey.flows.request_trail import record_of
from latchkey.storage.memory import MemoryTable
from latchkey.storage.request_index import RequestIndexStore
from latchkey.storage.request_packs import RequestPackStore
from tests.support.clock import ManualClock
from tests.support.request_lines import Traffic

if TYPE_CHECKING:
    from datetime import datetime

INPUTS = 36
"""Files of an hour at 5,000 requests a second: 18 million lines."""
INPUT_LINES = 20_000
PEOPLE = 50_000
BATCH = 100


class DiskFiles:
    """IndexFiles in a directory."""

    def __init__(self, directory: Path) -> None:
        """Use this directory."""
        self._directory = directory

    def put(self, name: str, content: bytes) -> None:
        """See IndexFiles.put."""
        (self._directory / name.replace("/", "_")).write_bytes(content)

    def read(self, name: str, start: int, end: int) -> bytes:
        """See IndexFiles.read."""
        handle = os.open(self._directory / name.replace("/", "_"), os.O_RDONLY)
        try:
            return os.pread(handle, end - start, start)
        finally:
            os.close(handle)


def a_slice(directory: Path) -> dict[str, float]:
    """Index a slice with AUDIT_INDEX_FILE_LINES requests in packs."""
    clock, indexer, table = _indexer(directory)
    start = clock.now()
    indexer.index.commit([], progress=(None, _milliseconds(start)))
    traffic = Traffic(PEOPLE, start)
    packs = RequestPackStore(table)
    for second in range(AUDIT_INDEX_FILE_LINES // BATCH // 50):
        at = start + timedelta(seconds=second)
        for _ in range(50):
            packs.add((line_of(record_of(traffic.line(at))) for _ in range(BATCH)), at)
    clock.advance(hours=2)
    return _measured(indexer, [900])


def a_merge(directory: Path) -> dict[str, float]:
    """Write the first file of the merge of an hour."""
    clock, indexer, _ = _indexer(directory)
    start = clock.now().replace(minute=0, second=0)
    traffic = Traffic(PEOPLE, start)
    files = []
    for number in range(INPUTS):
        at = start + timedelta(seconds=number * 100)
        lines = sorted(line_of(record_of(traffic.line(at))) for _ in range(INPUT_LINES))
        content, offset = build_file(lines)
        indexer.files.put(f"1/{number}", content)
        files.append(
            IndexFile(
                name=f"1/{number}",
                level=1,
                hour=_milliseconds(start),
                first=key_of_line(lines[0]).decode(),
                last=key_of_line(lines[-1]).decode(),
                lines=len(lines),
                directory=offset,
                size=len(content),
                added_at=_milliseconds(start),
            )
        )
    names = tuple(file.name for file in files)
    merge = Merge(level=2, hour=_milliseconds(start), inputs=names)
    day = IndexDay(day=start.date(), files=tuple(files), merge=merge)
    clock.advance(hours=2)
    indexer.index.commit([day], progress=(None, _milliseconds(clock.now())))
    return _measured(indexer, [900, 900])  # the first is for a slice, and there is none


STEPS = {"slice": a_slice, "merge": a_merge}


def _indexer(directory: Path) -> tuple[ManualClock, RequestIndexer, MemoryTable]:
    clock, table = ManualClock(), MemoryTable()
    indexer = RequestIndexer(
        packs=RequestPackStore(table),
        index=RequestIndexStore(table, request_retention=timedelta(days=90)),
        files=DiskFiles(directory),
        clock=clock,
    )
    return clock, indexer, table


def _measured(indexer: RequestIndexer, seconds: list[float]) -> dict[str, float]:
    """Run one step, and return what it takes.

    seconds  that are left at each look
    """
    left = iter(seconds)
    before, began = _mebibytes(), time.process_time()
    done = indexer.run(lambda: next(left, 0.0))
    assert done.slices + done.merges == 1
    return {"seconds": time.process_time() - began, "before": before, "peak": _mebibytes()}


def _mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def measured(step: str) -> dict[str, float]:
    """Run a step in a process of its own."""
    code = [sys.executable, "-m", "benchmarks.audit_index", step]
    done = subprocess.run(code, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(arguments: list[str]) -> int:
    """Print a table of all steps, or the numbers of one."""
    if arguments:
        with tempfile.TemporaryDirectory() as name:
            print(json.dumps(STEPS[arguments[0]](Path(name))))
        return 0
    print(f"| a step of {AUDIT_INDEX_FILE_LINES:,} lines | processor | MiB before | MiB at most |")
    print("|---|--:|--:|--:|")
    for step in STEPS:
        found = measured(step)
        print(
            f"| {step} | {found['seconds']:.0f} s | {found['before']:,.0f} | {found['peak']:,.0f} |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

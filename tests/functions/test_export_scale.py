"""Exports of long histories: linear in time, flat in memory.

Each size is measured in a process of its own, whose rows are made as they are read and whose files
are on disk, so that its memory is the worker's and nothing else's.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import resource
import tempfile
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, override

import pytest

from latchkey.domain.audit import Action, audit_row
from latchkey.domain.effects import Effects
from latchkey.domain.request import RequestContext
from latchkey.storage.export_files import ArchiveWriter, archive_key, staged_key
from latchkey.storage.memory import MemoryTable
from latchkey.storage.table import Page
from tests.support.archives import read_archive
from tests.support.service import InProcessService

if TYPE_CHECKING:
    from latchkey.storage.table import Item

PAGE_ROWS = 2_500
"""In a megabyte, which is what DynamoDB answers at once."""


class LongHistory(MemoryTable):
    """A table whose audit partitions have as many rows as one likes, made as they are read."""

    def __init__(self) -> None:
        super().__init__()
        self.sample: Item = {}
        self.rows = 0

    @override
    def query(self, query):
        if query.table != "audit" or query.index is not None:
            return super().query(query)
        after = query.start_after
        begin = 0 if after is None else int(str(after["sk"]).removeprefix("aud_")) + 1
        end = min(begin + PAGE_ROWS, self.rows)
        items = [
            {**self.sample, "sk": f"aud_{number:026d}", "request_id": f"request-{number}"}
            for number in range(begin, end)
        ]
        last = {"pk": query.partition, "sk": items[-1]["sk"]} if end < self.rows else None
        return Page(items, last)


class FilesOnDisk:
    """`ExportFiles` in a directory."""

    def __init__(self, root) -> None:
        self._root = Path(root)

    def _path(self, key):
        return self._root / key.replace("/", "--")

    def stage(self, export_id, name, content):
        self._path(staged_key(export_id, name)).write_bytes(content)

    def read_staged(self, export_id, name):
        return self._path(staged_key(export_id, name)).read_bytes()

    def delete_staged(self, export_id):
        for path in self._root.glob(f"staged--{export_id}--*"):
            path.unlink()

    def write_archive(self, export_id):
        return ArchiveWriter(PartsOnDisk(self._path(archive_key(export_id))))


class PartsOnDisk:
    def __init__(self, path) -> None:
        self._file = path.open("wb")

    def add(self, part):
        self._file.write(part)

    def complete(self):
        self._file.close()


def export_history(rows, answer):
    """Export so many rows; tell seconds, peak memory in MiB, size, and what was in the file."""
    with tempfile.TemporaryDirectory() as directory:
        table = LongHistory()
        service = InProcessService(table=table)
        service.export_files = FilesOnDisk(directory)
        service.configure()
        token = service.register().data["access_token"]
        account_id = service.request("GET", "/api/v1/users/me", token=token).data["id"]
        account = service.services.accounts.get(account_id)
        context = RequestContext(
            request_id="x",
            now=service.clock.now() - timedelta(hours=1),
            ip_address="198.51.100.7",
        )
        row = audit_row(
            Action.SESSION_STARTED,
            account.audit,
            context,
            device="Chrome on Windows",
            targets=("ses_01kdx2w3wne4ns8ppdxwvxxxx0",),
        )
        (put,) = service.services._effects.writes(Effects(audit=(row,)))
        table.sample = {"pk": put.key.pk, **put.attributes}
        table.rows = rows
        export_id = service.request("POST", "/api/v1/users/me/export", token=token).data["id"]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begin = perf_counter()
        failed = service.work()
        seconds = perf_counter() - begin
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        content = service.export_files._path(archive_key(export_id)).read_bytes()
        answer.put((failed, seconds, peak / 1024, len(content), hashlib.sha256(content).digest()))
        found = read_archive(content).files["security-history.ndjson"].count(b"\n")
        answer.put(found)


def measure(rows):
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=export_history, args=(rows, answer))
    process.start()
    failed, seconds, mebibytes, size, _ = answer.get(timeout=240)
    found = answer.get(timeout=60)
    process.join()
    assert (failed, found) == ([], rows)
    print(f"\n{rows:,} rows: {seconds:.2f} s, +{mebibytes:.0f} MiB, {size:,} bytes")  # noqa: T201
    return seconds, mebibytes


def test_ten_times_the_rows_take_no_more_memory():
    _, small = measure(2_000)
    _, large = measure(20_000)
    assert large < small + 48, "the working set is a segment, a part and a page"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_thousand_rows_are_linear_in_time_and_flat_in_memory():
    measured = {rows: measure(rows) for rows in (1_000, 10_000, 100_000)}
    seconds = {rows: taken for rows, (taken, _) in measured.items()}
    assert seconds[100_000] / seconds[10_000] < 15
    assert measured[100_000][1] < 96

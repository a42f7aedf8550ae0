"""An export of a long history in a process of its own, to measure what it takes.

Its rows are made as they are read and its files are on disk, so that its memory is the worker's and
nothing else's.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

from latchkey.domain.audit import Action, audit_row
from latchkey.domain.effects import Effects
from latchkey.domain.request import RequestContext
from latchkey.storage.export_files import ArchiveWriter, archive_key, staged_key
from latchkey.storage.memory import MemoryTable
from latchkey.storage.table import Page
from latchkey.wiring.storage import account_store, effect_writer
from tests.support.archives import read_archive
from tests.support.service import InProcessService

if TYPE_CHECKING:
    from latchkey.domain.ids import AccountId, ExportId
    from latchkey.storage.table import Item, Query

PAGE_ROWS = 2_500
"""In a megabyte, which is what DynamoDB answers at once."""


@dataclass(frozen=True)
class Run:
    """What an export took: the processor's seconds, and the most memory of its process."""

    seconds: float
    mebibytes: float
    size_bytes: int


class LongHistory(MemoryTable):
    """A table whose audit partitions have as many rows as one likes, made as they are read."""

    def __init__(self) -> None:
        super().__init__()
        self.sample: Item = {}
        self.rows = 0

    @override
    def query(self, query: Query) -> Page:
        if query.table != "audit" or query.index is not None:
            return super().query(query)
        after = query.start_after
        begin = 0 if after is None else int(str(after["sk"]).removeprefix("aud_")) + 1
        end = min(begin + PAGE_ROWS, self.rows)
        items: list[Item] = [
            {**self.sample, "sk": f"aud_{number:026d}", "request_id": f"request-{number}"}
            for number in range(begin, end)
        ]
        last: Item | None = None
        if end < self.rows:
            last = {"pk": query.partition, "sk": items[-1]["sk"]}
        return Page(items, last)


class FilesOnDisk:
    """`ExportFiles` in a directory."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)

    def path(self, key: str) -> Path:
        return self._root / key.replace("/", "--")

    def stage(self, export_id: ExportId, name: str, content: bytes) -> None:
        self.path(staged_key(export_id, name)).write_bytes(content)

    def read_staged(self, export_id: ExportId, name: str) -> bytes:
        return self.path(staged_key(export_id, name)).read_bytes()

    def delete_staged(self, export_id: ExportId) -> None:
        for path in self._root.glob(f"staged--{export_id}--*"):
            path.unlink()

    def write_archive(self, export_id: ExportId) -> ArchiveWriter:
        return ArchiveWriter(PartsOnDisk(self.path(archive_key(export_id))))


class PartsOnDisk:
    """`Upload` into a file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def add(self, part: bytes) -> None:
        self._file.write(part)

    def complete(self) -> None:
        self._file.close()

    def abandon(self) -> None:
        self._file.close()


def measure(rows: int) -> Run:
    """Export a history of so many rows, check that they are all there, and tell what it took."""
    # Not spawned: what this process has used at most would count as the new one's.
    context = multiprocessing.get_context("forkserver")
    answer = context.Queue()
    process = context.Process(target=_export, args=(rows, answer))
    process.start()
    run: Run = answer.get(timeout=280)
    process.join()
    return run


def _export(rows: int, answer: Any) -> None:
    with tempfile.TemporaryDirectory() as directory:
        table, files = LongHistory(), FilesOnDisk(directory)
        service = InProcessService(table=table)
        service.export_files = files  # type: ignore[assignment]
        service.configure()
        registered = service.register().data
        token, account_id = registered["access_token"], registered["user"]["id"]
        table.sample, table.rows = _sample(service, account_id), rows
        export_id = service.request("POST", "/api/v1/users/me/export", token=token).data["id"]
        begin = time.process_time()
        failed = service.work()
        seconds = time.process_time() - begin
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        content = files.path(archive_key(export_id)).read_bytes()
        found = read_archive(content).files["security-history.ndjson"].count(b"\n")
        assert (failed, found) == ([], rows)
        answer.put(Run(seconds, peak / 1024, len(content)))


def _sample(service: InProcessService, account_id: AccountId) -> Item:
    account = service.services[account_store].get(account_id)
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
    (put,) = service.services[effect_writer].writes(Effects(audit=(row,)))
    return {"pk": put.key.pk, **put.attributes}  # type: ignore[union-attr]

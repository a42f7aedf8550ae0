"""An export of a long history in a process of its own, to measure what it takes.

Its rows are made as they are read and its files are on disk, so that its memory is the worker's and
nothing else's.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, override

from latchkey.domain.audit import Action, audit_row, row_place
from latchkey.domain.effects import Effects
from latchkey.domain.ids import RowId
from latchkey.domain.request import RequestContext
from latchkey.observability import logger
from latchkey.security.sealing import seal, unseal
from latchkey.storage.export_files import ArchiveWriter, archive_key, staged_key
from latchkey.storage.memory import MemoryTable
from latchkey.storage.table import Page
from latchkey.wiring.storage import account_store, effect_writer
from tests.support.archives import read_archive
from tests.support.service import InProcessService

if TYPE_CHECKING:
    from latchkey.domain.audit import AuditSubject
    from latchkey.domain.ids import AccountId, ExportId
    from latchkey.storage.table import Item, Query

PAGE_ROWS = 2_500
"""In a megabyte, which is what DynamoDB answers at once."""
ADDRESS = "198.51.100.7"
"""The sealed address of each row. An archive with all of them has opened every row."""


@dataclass(frozen=True)
class Run:
    """What an export took: the processor's seconds, and the most memory of its process."""

    seconds: float
    mebibytes: float
    size_bytes: int


class LongHistory(MemoryTable):
    """A table whose audit partitions have as many rows as one likes, made as they are read.

    Each row has an id and a seal of its own: sealed data opens in its own row only. `making`
    counts the processor's seconds for that, which a real table does not take from the worker.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sample: Sample | None = None
        self.rows = 0
        self.making = 0.0

    @override
    def query(self, query: Query) -> Page:
        if query.table != "audit" or query.index is not None or self.sample is None:
            return super().query(query)
        begin_making = time.process_time()
        after = query.start_after
        begin = 0 if after is None else int(str(after["sk"]).removeprefix("aud_")) + 1
        end = min(begin + PAGE_ROWS, self.rows)
        items = [self.sample.row(number) for number in range(begin, end)]
        last: Item | None = None
        if end < self.rows:
            last = {"pk": query.partition, "sk": items[-1]["sk"]}
        self.making += time.process_time() - begin_making
        return Page(items, last)


@dataclass(frozen=True)
class Sample:
    """A row of a person's history, and what seals copies of it."""

    item: Item
    subject: AuditSubject
    plain: bytes

    def row(self, number: int) -> Item:
        """Copy the row with an id of its own, sealed for that id."""
        row_id = RowId(f"aud_{number:026d}")
        return {
            **self.item,
            "sk": row_id,
            "request_id": f"request-{number}",
            "sealed": seal(self.subject.key, self.plain, row_place(self.subject.id, row_id)),
        }


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
    with ProcessPoolExecutor(1, mp_context=context) as one:
        return one.submit(_export, rows).result(timeout=280)


def _export(rows: int) -> Run:
    # Metrics are printed. The benchmark prints a table.
    with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as directory:
        logger.setLevel("WARNING")
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
        seconds = time.process_time() - begin - table.making
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        content = files.path(archive_key(export_id)).read_bytes()
        history = read_archive(content).files["security-history.ndjson"]
        assert (failed, history.count(b"\n")) == ([], rows)
        assert history.count(ADDRESS.encode()) == rows, "a sealed row did not open"
        return Run(seconds, peak / 1024, len(content))


def _sample(service: InProcessService, account_id: AccountId) -> Sample:
    subject = service.services[account_store].get(account_id).audit
    context = RequestContext(
        request_id="x",
        now=service.clock.now() - timedelta(hours=1),
        ip_address=ADDRESS,
    )
    row = audit_row(
        Action.SESSION_STARTED,
        subject,
        context,
        device="Chrome on Windows",
        targets=("ses_01kdx2w3wne4ns8ppdxwvxxxx0",),
    )
    (put,) = service.services[effect_writer].writes(Effects(audit=(row,)))
    item: Item = {"pk": put.key.pk, **put.attributes}  # type: ignore[union-attr]
    sealed = item["sealed"]
    assert isinstance(sealed, bytes)
    return Sample(item, subject, unseal(subject.key, sealed, row_place(subject.id, row.id)))

"""Rebuilds the index of requests from a copy of the audit trail.

The index is made from packs, which are in the table for a week, and in the audit bucket as long as
it keeps them. A copy (`make fetch-audit`) has the bucket. For each day:

    copy/rows/  --sorted parts-->  work/parts/  --merged-->  files of the index bucket

A note is written after each group of parts and after the files of each day, so an interrupted run
continues after its last note. Files have the digest of their content in their names, and a day is
replaced on the condition that nothing else has changed it: a repeated run changes nothing.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from latchkey.domain.clock import from_milliseconds, to_milliseconds
from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.index_files import (
    LEVEL_OF_DAY,
    IndexDay,
    IndexFile,
    index_file,
    merge_files,
)
from latchkey.domain.limits import AUDIT_INDEX_FILE_LINES
from latchkey.domain.packed_requests import time_of_line, unpack
from latchkey.domain.values import dataclass, replace
from latchkey.storage.records import from_item, to_item
from tools.audit.export import fetched_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from latchkey.domain.index_files import IndexFiles
    from latchkey.storage.request_index import RequestIndexStore

OVERLAP = timedelta(hours=1)
"""Packs that were indexed in this time before the copy may be missing in it: `chain_audit` had not
archived them yet. Their files are kept."""

MERGED_PARTS = 200
"""Parts that are merged at once: each is an open file with two megabytes of lines."""


class Incomplete(Exception):
    """A file that can't be made from this copy is missing in the index bucket."""


class LocalFiles:
    """IndexFiles in a directory."""

    def __init__(self, directory: Path) -> None:
        """Use this directory."""
        self._directory = directory

    def put(self, name: str, content: bytes) -> None:
        """See IndexFiles.put."""
        path = self._directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Renamed when it is complete, because an existing part is not made again.
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(content)
        part.rename(path)

    def read(self, name: str, start: int, end: int) -> bytes:
        """See IndexFiles.read."""
        with (self._directory / name).open("rb") as file:
            file.seek(start)
            return file.read(end - start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """The task and its parts.

    copy        the fetched copy. Verify it first: what it says is indexed
    work        a directory for parts; they are used again by the next run
    file_lines  lines of a part, and of a file
    """

    copy: Path
    work: Path
    index: RequestIndexStore
    files: IndexFiles
    file_lines: int = AUDIT_INDEX_FILE_LINES

    @property
    def _until(self) -> int:
        """The time up to which the copy has every pack that was indexed, in epoch milliseconds."""
        return to_milliseconds(fetched_at(self.copy) - OVERLAP)

    def run(self, since: date, until: date) -> Iterator[tuple[date, int, bool]]:
        """Rebuild the days from one to another, both included.

        Yields each day with its number of requests, and whether it was changed. Raises Incomplete.
        """
        parts = self._parts(since, until)
        for number in range((until - since).days + 1):
            day = since + timedelta(days=number)
            files = self._write(day, parts.get(day, []))
            yield day, sum(file.lines for file in files), self._replace(day, files)

    def _parts(self, since: date, until: date) -> dict[date, list[IndexFile]]:
        """Sort the lines of the copy into parts, by day. Parts of an earlier run are used."""
        # By name, so that a run continues an earlier one that had fewer objects.
        waiting = {_digest([path.name]): path for path in sorted(self.copy.glob("rows/*/*"))}
        found: dict[date, list[IndexFile]] = defaultdict(list)
        for note in self._notes(since, until):
            for name in note["objects"]:
                waiting.pop(name, None)
            for day, file in note["files"]:
                found[date.fromisoformat(day)].append(from_item(IndexFile, file))
        for objects, lines in self._sorted(waiting, since, until):
            made = [(day, self._part(day, some, objects)) for day, some in sorted(lines.items())]
            for day, part in made:
                found[day].append(part)
            files = [(f"{day}", to_item(part)) for day, part in made]
            note = {"since": f"{since}", "until": f"{until}", "objects": objects, "files": files}
            # Last, so that a part of an interrupted run is made again.
            content = json.dumps(note).encode()
            LocalFiles(self.work).put(f"done/{_digest(objects)}.json", content)
        return found

    def _notes(self, since: date, until: date) -> Iterator[dict[str, Any]]:
        """Return what earlier runs have noted about their parts, if they had these days."""
        for path in sorted(self.work.glob("done/*.json")):
            note = json.loads(path.read_bytes())
            if note["since"] <= f"{since}" and f"{until}" <= note["until"]:
                yield note

    def _sorted(
        self, waiting: Mapping[str, Path], since: date, until: date
    ) -> Iterator[tuple[list[str], dict[date, set[bytes]]]]:
        """Read objects, and yield their lines by day, about `file_lines` at a time."""
        objects: list[str] = []
        lines: dict[date, set[bytes]] = defaultdict(set)
        for name, path in waiting.items():
            objects.append(name)
            for line in lines_of(path):
                day = from_milliseconds(time_of_line(line)).date()
                if since <= day <= until:
                    lines[day].add(line)
            if sum(map(len, lines.values())) >= self.file_lines:
                yield objects, lines
                objects, lines = [], defaultdict(set)
        if objects:
            yield objects, lines

    def _part(self, day: date, lines: Iterable[bytes], objects: Iterable[str]) -> IndexFile:
        part, content = index_file(sorted(lines), LEVEL_OF_DAY, _start(day), added_at=0)
        part = replace(part, name=f"parts/{day}/{_digest(objects)}.gz")
        LocalFiles(self.work).put(part.name, content)
        return part

    def _write(self, day: date, parts: list[IndexFile]) -> list[IndexFile]:
        """Merge the parts of a day into files of the index. A line that is twice is once.

        If an earlier run has written the files of the same parts, they are not written again.
        """
        local, names = LocalFiles(self.work), sorted(part.name for part in parts)
        note = self.work / f"written/{day}.json"
        if note.exists():
            written = json.loads(note.read_bytes())
            files = [from_item(IndexFile, file) for file in written["files"]]
            if written["parts"] == names and all(map(self._is_stored, files)):
                return files
        # The files of a merge do not overlap, so one of them is open at a time.
        runs = [[part] for part in parts]
        while len(runs) > MERGED_PARTS:
            merged = merge_files(local, chain.from_iterable(runs[:MERGED_PARTS]), b"")
            run = list(self._files(merged, day, local, f"merged/{day}/"))
            runs = [*runs[MERGED_PARTS:], run]
        merged = merge_files(local, chain.from_iterable(runs), b"")
        made = list(self._files(merged, day, self.files, ""))
        written = {"parts": names, "files": [to_item(file) for file in made]}
        local.put(f"written/{day}.json", json.dumps(written).encode())
        return made

    def _files(
        self, lines: Iterator[bytes], day: date, files: IndexFiles, prefix: str
    ) -> Iterator[IndexFile]:
        while some := list(islice(lines, self.file_lines)):
            file, content = index_file(some, LEVEL_OF_DAY, _start(day), added_at=self._until)
            file = replace(file, name=prefix + file.name)
            files.put(file.name, content)
            yield file

    def _replace(self, day: date, made: Sequence[IndexFile]) -> bool:
        """Replace the files of a day. Returns whether there was anything to change."""
        while True:
            stored = self.index.day(day)
            names = {file.name for file in made}
            later = [f for f in stored.files if f.added_at > self._until and f.name not in names]
            for file in later:
                if not self._is_stored(file):
                    raise Incomplete(file.name)
            files = (*made, *later)
            if {f.name for f in stored.files} == {f.name for f in files} and not stored.merge:
                return False
            changed = IndexDay(day=day, version=stored.version, files=files)
            if self.index.commit([changed]):
                return True

    def _is_stored(self, file: IndexFile) -> bool:
        try:
            self.files.read(file.name, file.directory, file.size)
        except TemporarilyUnavailable:
            return False
        return True


def lines_of(path: Path) -> Iterator[bytes]:
    """Return the lines of the packs in an object of rows."""
    with gzip.open(path) as rows:
        for text in rows:
            row = json.loads(text)["row"]
            if "columns" in row:
                yield from unpack([_bytes(column) for column in row["columns"]])


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value["$bytes"])


def _digest(names: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:32]


def _start(day: date) -> int:
    return to_milliseconds(datetime.combine(day, time(), UTC))

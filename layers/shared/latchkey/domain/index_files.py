"""Files of the index of requests: sorted lines, and a directory to find those of one subject.

    file       gzip members of lines, then the directory, which is a gzip member too
    directory  a JSON array of [first line's key, offset] for each member

Two ranged reads find a subject: the directory, then the members that may have its lines.
"""

from __future__ import annotations

import gzip
import hashlib
import heapq
import json
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Protocol

from latchkey.domain.clock import from_milliseconds
from latchkey.domain.limits import AUDIT_INDEX_MEMBER_BYTES
from latchkey.domain.packed_requests import key_of_line
from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

LEVEL_OF_SLICE, LEVEL_OF_HOUR, LEVEL_OF_DAY = 1, 2, 3

_LEVEL = 6
READ_BYTES = 2_000_000
"""Bytes of one read when a whole file is merged."""


class IndexFiles(Protocol):
    """Storage of the files. Every method raises TemporarilyUnavailable."""

    def put(self, name: str, content: bytes) -> None:
        """Store a file. The same name has always the same content."""
        ...

    def read(self, name: str, start: int, end: int) -> bytes:
        """Read the bytes from start to end, without end itself."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFile:
    """A file, as the index of its day lists it.

    level      1: some minutes of packs; 2: an hour; 3: a day
    hour       the first hour of its lines
    first      the key of its first line
    last       the key of its last line
    directory  the offset of its directory
    size       in bytes
    added_at   epoch milliseconds
    """

    name: str
    level: int
    hour: int
    first: str
    last: str
    lines: int
    directory: int
    size: int
    added_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """A merge that is not finished: its input, the files that it has written, and the last line."""

    level: int
    hour: int
    inputs: tuple[str, ...]
    outputs: tuple[IndexFile, ...] = ()
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexDay:
    """The files of a day."""

    day: date
    version: int = 0
    files: tuple[IndexFile, ...] = ()
    merge: Merge | None = None


def build_file(lines: Iterable[bytes]) -> tuple[bytes, int]:
    """Return the content of a file of sorted lines, at least one, and its directory's offset."""
    parts: list[bytes] = []
    directory: list[tuple[str, int]] = []
    member: list[bytes] = []
    offset = size = 0
    for line in lines:
        if size >= AUDIT_INDEX_MEMBER_BYTES:
            parts.append(_member(member))
            offset += len(parts[-1])
            member, size = [], 0
        if not member:
            directory.append((key_of_line(line).decode(), offset))
        member.append(line)
        size += len(line) + 1
    parts.append(_member(member))
    offset += len(parts[-1])
    parts.append(gzip.compress(json.dumps(directory, separators=(",", ":")).encode(), mtime=0))
    return b"".join(parts), offset


def index_file(
    lines: Sequence[bytes], level: int, hour: int, *, added_at: int
) -> tuple[IndexFile, bytes]:
    """Return a file of sorted lines and its content. The same lines have the same name."""
    content, directory = build_file(lines)
    digest = hashlib.sha256(content).hexdigest()[:32]
    file = IndexFile(
        name=f"{level}/{from_milliseconds(hour):%Y-%m-%d/%H}-{digest}.gz",
        level=level,
        hour=hour,
        first=key_of_line(lines[0]).decode(),
        last=key_of_line(lines[-1]).decode(),
        lines=len(lines),
        directory=directory,
        size=len(content),
        added_at=added_at,
    )
    return file, content


def _member(lines: list[bytes]) -> bytes:
    return gzip.compress(b"\n".join(lines) + b"\n", _LEVEL, mtime=0)


class IndexReader:
    """Reads one file."""

    def __init__(self, files: IndexFiles, file: IndexFile) -> None:
        """Read nothing yet."""
        self._files = files
        self._file = file
        self._members: list[tuple[bytes, int, int]] | None = None

    def between(self, low: bytes, high: bytes, *, newest_first: bool = False) -> Iterator[bytes]:
        """Return the lines whose keys are from low to high, both included, lazily."""
        members = self._directory()
        first = max(0, bisect_left(members, low, key=lambda member: member[0]) - 1)
        end = bisect_right(members, high, key=lambda member: member[0])
        chosen = members[first:end]
        for _, start, stop in reversed(chosen) if newest_first else chosen:
            found = [
                line
                for line in _lines(self._files.read(self._file.name, start, stop))
                if low <= key_of_line(line) <= high
            ]
            yield from reversed(found) if newest_first else found

    def after(self, line: bytes) -> Iterator[bytes]:
        """Return all lines after this one, lazily, for a merge."""
        members = self._directory()
        key = key_of_line(line)
        first = max(0, bisect_left(members, key, key=lambda member: member[0]) - 1)
        run: list[tuple[bytes, int, int]] = []
        for member in members[first:]:
            run.append(member)
            if run[-1][2] - run[0][1] >= READ_BYTES:
                yield from self._run(run, line)
                run = []
        if run:
            yield from self._run(run, line)

    def _run(self, run: list[tuple[bytes, int, int]], line: bytes) -> Iterator[bytes]:
        content = self._files.read(self._file.name, run[0][1], run[-1][2])
        return (found for found in _lines(content) if found > line)

    def _directory(self) -> list[tuple[bytes, int, int]]:
        if self._members is None:
            content = self._files.read(self._file.name, self._file.directory, self._file.size)
            entries = json.loads(gzip.decompress(content))
            ends = [*(offset for _, offset in entries[1:]), self._file.directory]
            self._members = [
                (key.encode(), offset, end)
                for (key, offset), end in zip(entries, ends, strict=True)
            ]
        return self._members


def _lines(content: bytes) -> list[bytes]:
    return gzip.decompress(content).splitlines()


def merge_files(files: IndexFiles, chosen: Iterable[IndexFile], after: bytes) -> Iterator[bytes]:
    """Merge files into sorted lines after one, each line once.

    A file is opened when the merge reaches its first line, so that the files of one hour, which do
    not overlap, are open one after the other.
    """
    waiting = sorted(chosen, key=lambda file: (file.first, file.name), reverse=True)
    heap: list[tuple[bytes, int, Iterator[bytes]]] = []
    previous, opened = after, 0
    while waiting or heap:
        while waiting and (not heap or waiting[-1].first.encode() <= key_of_line(heap[0][0])):
            file = waiting.pop()
            if file.last.encode() < key_of_line(after):
                continue
            lines = IndexReader(files, file).after(after)
            line = next(lines, None)
            if line is not None:
                heapq.heappush(heap, (line, opened, lines))
                opened += 1
        if not heap:
            continue
        line, number, lines = heap[0]
        if line != previous:
            yield line
            previous = line
        following = next(lines, None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following, number, lines))

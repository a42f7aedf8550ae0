"""Indexes packed requests: merges packs into files that are sorted by subject and time.

    packs  --every 5 minutes-->  level 1  --after an hour-->  level 2  --after a day-->  level 3

Each step writes files, then the list of the day's files in one transaction, on the condition that
nothing has changed. A step that dies, or loses against another indexer, is done again. Files have
the digest of their content in their name, so a repeated step writes the same files.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from latchkey.domain.clock import from_milliseconds, to_milliseconds
from latchkey.domain.index_files import (
    LEVEL_OF_DAY,
    LEVEL_OF_HOUR,
    LEVEL_OF_SLICE,
    IndexDay,
    IndexFile,
    Merge,
    index_file,
    merge_files,
)
from latchkey.domain.limits import (
    AUDIT_INDEX_DAYS_BACK,
    AUDIT_INDEX_DELAY_SECONDS,
    AUDIT_INDEX_FILE_LINES,
    AUDIT_INDEX_SETTLE_SECONDS,
    AUDIT_INDEX_SLICE_SECONDS,
    AUDIT_INDEX_STOP_SECONDS,
    AUDIT_PACK_DAYS,
)
from latchkey.domain.packed_requests import time_of_line, unpack
from latchkey.domain.values import dataclass, replace
from latchkey.observability import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from latchkey.domain.clock import Clock
    from latchkey.domain.index_files import IndexFiles
    from latchkey.storage.request_index import RequestIndexStore
    from latchkey.storage.request_packs import RequestPackStore

_SLICE = AUDIT_INDEX_SLICE_SECONDS * 1000
_HOUR = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """The result of a run. The delay is the age of the newest indexed time."""

    slices: int
    merges: int
    delay_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestIndexer:
    """The flow and its parts."""

    packs: RequestPackStore
    index: RequestIndexStore
    files: IndexFiles
    clock: Clock
    file_lines: int = AUDIT_INDEX_FILE_LINES

    def run(self, remaining: Callable[[], float]) -> Indexed:
        """Index new packs, then merge files, until nothing is left or the time is over.

        remaining  returns the seconds that are left for the run
        """
        slices = merges = 0
        while remaining() > AUDIT_INDEX_STOP_SECONDS and self._index_slice():
            slices += 1
        while remaining() > AUDIT_INDEX_STOP_SECONDS and self._merge_once():
            merges += 1
        until = self.index.progress()
        delay = 0 if until is None else to_milliseconds(self.clock.now()) - until
        return Indexed(slices=slices, merges=merges, delay_seconds=delay // 1000)

    def _index_slice(self) -> bool:
        """Index the next slice of time. Returns whether there was a complete one."""
        now = self.clock.now()
        complete = to_milliseconds(now - timedelta(seconds=AUDIT_INDEX_DELAY_SECONDS))
        start = self.index.progress()
        if start is None:
            oldest = to_milliseconds(now - timedelta(days=AUDIT_PACK_DAYS))
            return self.index.commit([], progress=(None, oldest))
        # After an interruption whole hours are read, so that catching up is faster.
        end = start // _HOUR * _HOUR + _HOUR
        if end > complete:
            end = start // _SLICE * _SLICE + _SLICE
        if end > complete:
            return False
        hours, end = self._read(start, end)
        added: dict[date, list[IndexFile]] = defaultdict(list)
        for hour, lines in sorted(hours.items()):
            file = self._write(sorted(lines), LEVEL_OF_SLICE, hour)
            added[from_milliseconds(hour).date()].append(file)
        days = [self.index.day(day) for day in added]
        changed = [replace(day, files=_joined(day.files, added[day.day])) for day in days]
        # If another indexer was faster, the next slice is read again.
        self.index.commit(changed, progress=(start, end))
        return True

    def _read(self, start: int, end: int) -> tuple[dict[int, set[bytes]], int]:
        """Read the lines of a slice by their hours, and the time at which it ends.

        A slice with too many lines ends earlier, between two packs of different times.
        """
        hours: dict[int, set[bytes]] = defaultdict(set)
        count, last = 0, start
        for pack in self.packs.between(start, end):
            if count >= self.file_lines and pack.found_at > last:
                return hours, pack.found_at
            last = max(last, pack.found_at)
            try:
                lines = list(unpack(pack.columns))
                hour = time_of_line(lines[0]) // _HOUR * _HOUR
            except (IndexError, ValueError):
                # The pack was changed. The chain has what was stored.
                logger.error("a pack of requests is unreadable", row_id=pack.row_id)
                continue
            hours[hour].update(lines)
            count += len(lines)
        return hours, end

    def _write(self, lines: Sequence[bytes], level: int, hour: int) -> IndexFile:
        at = to_milliseconds(self.clock.now())
        file, content = index_file(lines, level, hour, added_at=at)
        self.files.put(file.name, content)
        return file

    def _merge_once(self) -> bool:
        """Write one file of a merge. Returns whether there was one to write."""
        now = self.clock.now()
        progress = self.index.progress() or 0
        since = now - timedelta(days=AUDIT_INDEX_DAYS_BACK)
        for day in self.index.days(since.date(), now.date()):
            merge = day.merge or _plan(day, progress, to_milliseconds(now))
            if merge is not None:
                self._continue(day, merge)
                return True
        return False

    def _continue(self, day: IndexDay, merge: Merge) -> None:
        chosen = [file for file in day.files if file.name in merge.inputs]
        merged = merge_files(self.files, chosen, merge.after.encode())
        lines = list(islice(merged, self.file_lines))
        is_done = next(merged, None) is None
        outputs = merge.outputs
        if lines:
            outputs = (*outputs, self._write(lines, merge.level, merge.hour))
        if is_done:
            rest = [file for file in day.files if file.name not in merge.inputs]
            changed = replace(day, files=_joined(rest, outputs), merge=None)
        else:
            pending = replace(merge, outputs=outputs, after=lines[-1].decode())
            changed = replace(day, merge=pending)
        # If the day has changed meanwhile, the next run writes the same file again.
        self.index.commit([changed])


def _joined(files: Sequence[IndexFile], added: Sequence[IndexFile]) -> tuple[IndexFile, ...]:
    known = {file.name for file in files}
    return (*files, *(file for file in added if file.name not in known))


def _plan(day: IndexDay, progress: int, now: int) -> Merge | None:
    """Return the next merge of a day, if there is one."""
    start = to_milliseconds(datetime.combine(day.day, time(), UTC))
    unmerged = [file for file in day.files if file.level < LEVEL_OF_DAY]
    if unmerged and start + 24 * _HOUR <= progress:
        settled = min(file.added_at for file in unmerged) + AUDIT_INDEX_SETTLE_SECONDS * 1000
        if len(unmerged) == len(day.files) or settled <= now:
            inputs = tuple(file.name for file in day.files)
            return Merge(level=LEVEL_OF_DAY, hour=start, inputs=inputs)
    by_hour: dict[int, list[str]] = defaultdict(list)
    for file in unmerged:
        if file.level == LEVEL_OF_SLICE and file.hour + _HOUR <= progress:
            by_hour[file.hour].append(file.name)
    for hour, names in sorted(by_hour.items()):
        if len(names) > 1:
            return Merge(level=LEVEL_OF_HOUR, hour=hour, inputs=tuple(names))
    return None

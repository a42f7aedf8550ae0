"""The requests of a person: rows, packs that are not indexed yet, and the index.

Refused and failed requests are rows. Successful ones are in packs with those of other people, so
they are read from the index, which is minutes old, and from the packs after it.
"""

from __future__ import annotations

import heapq
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING

from latchkey.domain.clock import from_milliseconds, to_milliseconds
from latchkey.domain.ids import floor_of, minted_at_milliseconds
from latchkey.domain.index_files import IndexReader
from latchkey.domain.limits import (
    AUDIT_INDEX_PAGE_FILES,
    AUDIT_PACK_SKEW_SECONDS,
    AUDIT_UNINDEXED_SECONDS,
)
from latchkey.domain.packed_requests import line_key, lines_of_subject, record_of_line
from latchkey.domain.paging import Slice
from latchkey.domain.values import dataclass
from latchkey.observability import logger
from latchkey.storage.cursors import read_position, write_position

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from latchkey.domain.audit import AuditRecord
    from latchkey.domain.clock import Clock
    from latchkey.domain.ids import SubjectId
    from latchkey.domain.index_files import IndexDay, IndexFile, IndexFiles
    from latchkey.domain.search import Period
    from latchkey.storage.audit import AuditStore
    from latchkey.storage.request_index import RequestIndexStore
    from latchkey.storage.request_packs import RequestPackStore

_DAY = timedelta(days=1)
_END = "z" * 26
"""Sorts after every id."""


@dataclass(frozen=True, slots=True)
class RequestPage:
    """A page of requests.

    complete_until  requests after this time may be missing; None: none is
    """

    page: Slice[AuditRecord]
    complete_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHistory:
    """Reads them together."""

    rows: AuditStore
    packs: RequestPackStore
    index: RequestIndexStore
    files: IndexFiles
    clock: Clock
    retention: timedelta

    def read_page(
        self,
        subject_id: SubjectId,
        period: Period,
        *,
        limit: int,
        cursor: str | None,
        bound_to: str,
    ) -> RequestPage:
        """List requests, newest first. A page may be short, with a cursor of the next one.

        It reads AUDIT_INDEX_PAGE_FILES of the index, unless a single day has more.

        Raises InvalidCursor.
        """
        binding = f"requests|{bound_to}|{subject_id}|{period.since}"
        before = floor_of(period.until)
        if cursor is not None:
            before = min(before, read_position(cursor, binding))
        until = from_milliseconds(minted_at_milliseconds(f"_{before}"))
        if before == floor_of(until):
            until -= timedelta(milliseconds=1)  # the end is not included
        since = max(period.since, self.clock.now() - self.retention)
        if since > until:
            return RequestPage(Slice([], None), None)
        recent, complete_until = self._recent(subject_id, until)
        days, bound = self._days_of_page(subject_id, since, until)
        low = floor_of(bound)
        sources = (
            self.rows.read_requests(subject_id, low, before, newest_first=True),
            sorted(recent, key=_position, reverse=True),
            self._indexed(subject_id, days, bound, until, newest_first=True),
        )
        merged = heapq.merge(*sources, key=_position, reverse=True)
        entries = list(islice(_each_once(merged, low, before), limit))
        position = None
        if len(entries) == limit:
            position = _position(entries[-1])
        elif bound > since:
            position = low
        following = None if position is None else write_position(position, binding)
        return RequestPage(Slice(entries, following), complete_until)

    def read_all(self, subject_id: SubjectId, *, after: str | None) -> Iterator[AuditRecord]:
        """Read all requests lazily, oldest first, after the row with this id.

        Requests of the last minutes may be missing on a busy service.
        """
        now = self.clock.now()
        low = floor_of(now - self.retention)
        if after is not None:
            low = max(low, after.partition("_")[2])
        since = from_milliseconds(minted_at_milliseconds(f"_{low}"))
        recent, _ = self._recent(subject_id, now + _DAY)
        days = self.index.days(since.date(), (now + _DAY).date())
        sources = (
            self.rows.read_requests(subject_id, low, _END, newest_first=False),
            sorted(recent, key=_position),
            self._indexed(subject_id, days, since, now + _DAY, newest_first=False),
        )
        found = _each_once(heapq.merge(*sources, key=_position), low, _END)
        return (row for row in found if row.id != after)

    def _recent(
        self, subject_id: SubjectId, until: datetime
    ) -> tuple[list[AuditRecord], datetime | None]:
        """Read packs after the index. Call it before reading the index, which grows meanwhile."""
        now = self.clock.now()
        indexed = self.index.progress()
        if indexed is None:
            indexed = to_milliseconds(now - timedelta(seconds=AUDIT_UNINDEXED_SECONDS))
        if to_milliseconds(until) <= indexed:
            return [], None
        skew = timedelta(seconds=AUDIT_PACK_SKEW_SECONDS)
        packs, complete = self.packs.recent(indexed, to_milliseconds(now + skew))
        found: list[AuditRecord] = []
        for pack in packs:
            try:
                lines = lines_of_subject(pack.columns, subject_id)
            except ValueError:
                # The pack was changed. The verifier reports it.
                logger.warning("a pack of requests is unreadable", row_id=pack.row_id)
            else:
                found += map(record_of_line, lines)
        return found, None if complete is None else from_milliseconds(complete)

    def _days_of_page(
        self, subject_id: SubjectId, since: datetime, until: datetime
    ) -> tuple[list[IndexDay], datetime]:
        """Return the days of a page, newest first, and the time at which the page ends."""
        days: list[IndexDay] = []
        count = 0
        for day in self.index.days(since.date(), until.date(), newest_first=True):
            count += len(_files_of(day, subject_id, since, until))
            if days and count > AUDIT_INDEX_PAGE_FILES:
                return days, _start(day.day + _DAY)
            days.append(day)
        return days, since

    def _indexed(
        self,
        subject_id: SubjectId,
        days: Iterable[IndexDay],
        since: datetime,
        until: datetime,
        *,
        newest_first: bool,
    ) -> Iterator[AuditRecord]:
        """Read the index day by day. A day has all its requests, and no others."""
        low = line_key(subject_id, to_milliseconds(since))
        high = line_key(subject_id, to_milliseconds(until))
        for day in days:
            files = [
                IndexReader(self.files, file).between(low, high, newest_first=newest_first)
                for file in _files_of(day, subject_id, since, until)
            ]
            records = map(record_of_line, heapq.merge(*files, reverse=newest_first))
            # Lines of one millisecond are sorted by their request's id, rows by their own.
            same = (list(group) for _, group in groupby(records, key=lambda row: row.at))
            yield from chain.from_iterable(
                sorted(group, key=_position, reverse=newest_first) for group in same
            )


def _files_of(
    day: IndexDay, subject_id: SubjectId, since: datetime, until: datetime
) -> list[IndexFile]:
    """Return the files of a day that may have lines of a subject in a period."""
    low = line_key(subject_id, to_milliseconds(since)).decode()
    high = line_key(subject_id, to_milliseconds(until)).decode()
    return [file for file in day.files if file.first <= high and low <= file.last]


def _each_once(rows: Iterable[AuditRecord], low: str, high: str) -> Iterator[AuditRecord]:
    """Return sorted rows from low to high, without high itself, each once."""
    previous = None
    for row in rows:
        position = _position(row)
        if position != previous and low <= position < high:
            yield row
            previous = position


def _position(row: AuditRecord) -> str:
    return row.id.partition("_")[2]


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

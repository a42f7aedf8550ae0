"""The index of packed requests: its progress, and the files of each day.

The files are in a bucket (`s3_index_files`). Which of them count is in the main table, because
every change of an item of the audit table is reported as an attack.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from latchkey.domain.clock import to_milliseconds
from latchkey.domain.index_files import IndexDay, IndexFile, Merge
from latchkey.domain.values import replace
from latchkey.storage import keys
from latchkey.storage.records import from_item, to_item
from latchkey.storage.table import ABSENT, ConditionFailed, Put, Query, equals, read_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from latchkey.storage.table import Condition, Item, Table


class RequestIndexStore:
    """The state of the index."""

    def __init__(self, table: Table, *, request_retention: timedelta) -> None:
        """Use this table, and list files for this time."""
        self._table = table
        self._retention = request_retention

    def progress(self) -> int | None:
        """Return the time before which all packs are indexed, in epoch milliseconds.

        Pattern      X1, a search of requests; the indexer
        Request      GetItem
        Consistency  strong
        Cost         1 RRU
        """
        item = self._table.get(keys.index_progress())
        return None if item is None else int(str(item["until"]))

    def days(self, since: date, until: date, *, newest_first: bool = False) -> Iterator[IndexDay]:
        """Read the files of days, both included, lazily.

        Pattern      X2, a search of requests; the indexer
        Request      Query
        Consistency  strong
        Cost         1 RRU per 4 KiB, which holds 15 files
        Bounds       none; a page of 1 MB is in memory at a time
        """
        first, last = keys.index_day(since), keys.index_day(until)
        query = Query(
            partition=first.pk, between=(first.sk, last.sk), newest_first=newest_first, limit=31
        )
        for item in read_all(self._table, query):
            yield _read_day(item)

    def day(self, day: date) -> IndexDay:
        """Read the files of one day.

        Pattern      X3, the indexer adds files
        Request      GetItem
        Consistency  strong
        Cost         1 RRU per 4 KiB
        """
        item = self._table.get(keys.index_day(day))
        return IndexDay(day=day) if item is None else _read_day(item)

    def commit(
        self, days: Sequence[IndexDay], *, progress: tuple[int | None, int] | None = None
    ) -> bool:
        """Write days as they were read and changed, and the progress (old and new), together.

        Pattern      X4, the indexer has written files
        Request      TransactWriteItems
        Cost         2 WRU per KiB of each day
        Condition    nothing was changed since it was read
        Race         of two indexers one succeeds; the other does its step again
        """
        writes = [self._put(day) for day in days]
        if progress is not None:
            old, new = progress
            unchanged = ABSENT if old is None else equals("until", old)
            writes.append(Put(keys.index_progress(), {"until": new}, unchanged))
        try:
            self._table.transact(writes)
        except ConditionFailed:
            return False
        return True

    def _put(self, day: IndexDay) -> Put:
        unchanged: Condition = ABSENT if day.version == 0 else equals("version", day.version)
        changed = replace(day, version=day.version + 1)
        attributes = to_item(changed) | {"day": f"{day.day:%Y-%m-%d}"}
        end = datetime.combine(day.day, time(), UTC) + timedelta(days=2) + self._retention
        attributes["ttl"] = to_milliseconds(end) // 1000
        return Put(keys.index_day(day.day), attributes, unchanged)


def _read_day(item: Item) -> IndexDay:
    merge = item.get("merge")
    files: list[Item] = item["files"]  # type: ignore[assignment]
    return IndexDay(
        day=date.fromisoformat(str(item["day"])),
        version=int(str(item["version"])),
        files=tuple(from_item(IndexFile, file) for file in files),
        merge=_read_merge(merge) if isinstance(merge, dict) else None,
    )


def _read_merge(item: Item) -> Merge:
    outputs: list[Item] = item["outputs"]  # type: ignore[assignment]
    inputs: list[str] = item["inputs"]  # type: ignore[assignment]
    return Merge(
        level=int(str(item["level"])),
        hour=int(str(item["hour"])),
        inputs=tuple(inputs),
        outputs=tuple(from_item(IndexFile, file) for file in outputs),
        after=str(item["after"]),
    )

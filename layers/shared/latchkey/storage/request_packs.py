"""Packs of successful requests: one item for the requests that a delivery of the log has."""

from __future__ import annotations

import heapq
from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.audit import UNKNOWN_ACTOR, Action
from latchkey.domain.clock import from_milliseconds, to_milliseconds
from latchkey.domain.ids import RowId, floor_of
from latchkey.domain.limits import (
    AUDIT_PACK_DAYS,
    AUDIT_PACK_LATE_SECONDS,
    AUDIT_RECENT_HOURS,
    AUDIT_RECENT_PACKS,
)
from latchkey.domain.packed_requests import pack, pack_id, split_lines, time_of_line
from latchkey.domain.values import dataclass, replace
from latchkey.storage import keys
from latchkey.storage.table import ABSENT, ConditionFailed, Put, Query, read_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from latchkey.storage.table import Item, Table

PACKED = "packed"
"""The operation of a pack. Rows with an operation are of requests, which may be late."""

_HOUR = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A stored pack.

    found_at  epoch milliseconds: of its last request, or when it was stored if it was late
    """

    row_id: RowId
    found_at: int
    columns: tuple[bytes, ...]


class RequestPackStore:
    """Packs, for the recorder of requests, the indexer, and searches of recent requests."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def add(self, lines: Iterable[bytes], now: datetime) -> int:
        """Store lines of requests as packs. Returns the number of new packs.

        Pattern      U3, log lines arrived
        Request      PutItem for each pack; TransactWriteItems for a late one
        Cost         12 WRU for 100 requests
        Condition    the pack is not there yet
        Race         lines that are delivered again in the same batch add nothing. In another batch
                     they are in a second pack, and readers return them once
        """
        hours: dict[int, list[bytes]] = {}
        for line in lines:
            hours.setdefault(time_of_line(line) // _HOUR, []).append(line)
        return sum(self._put(group, now) for hour in hours.values() for group in split_lines(hour))

    def _put(self, lines: Sequence[bytes], now: datetime) -> bool:
        # Lines are sorted by time.
        first, last = time_of_line(lines[0]), time_of_line(lines[-1])
        at = from_milliseconds(last)
        key = keys.request_pack(at, pack_id(lines, at))
        expires = int((now + timedelta(days=AUDIT_PACK_DAYS)).timestamp())
        attributes: Item = {
            "at": last,
            "first": first,
            "count": len(lines),
            "action": Action.REQUESTS_PACKED.value,
            "actor": UNKNOWN_ACTOR,
            "operation": PACKED,
            "outcome": "OK",
            "columns": list(pack(lines)),
            "ttl": expires,
        }
        try:
            if abs(to_milliseconds(now) - last) <= AUDIT_PACK_LATE_SECONDS * 1000:
                self._table.put(Put(key, attributes, ABSENT))
            else:
                # The indexer has already read this time, so it finds the pack by the marker.
                marker = Put(keys.late_pack(now, key), {"ttl": expires})
                self._table.transact([Put(key, attributes, ABSENT), marker])
        except ConditionFailed:
            return False
        return True

    def between(self, start: int, end: int) -> Iterator[Pack]:
        """Read the packs of a time within one hour, and late packs that were stored in it.

        start, end  epoch milliseconds; the end is not included

        Pattern      X5, the indexer
        Request      Query for each partition of packs and for the markers; GetItem for a late pack
        Consistency  strong
        Cost         1 RRU per 4 KiB: 3 for 100 requests
        Bounds       none; a page of 1 MB for each partition is in memory at a time
        """
        hour = from_milliseconds(start)
        queries = (
            self._query(partition, start, end) for partition in keys.request_pack_partitions(hour)
        )
        sources = [map(_read_pack, read_all(self._table, query)) for query in queries]
        return heapq.merge(*sources, self._late(start, end), key=lambda pack: pack.found_at)

    def _late(self, start: int, end: int) -> Iterator[Pack]:
        query = Query(
            partition=keys.late_packs_partition(from_milliseconds(start)),
            between=(f"{start:013d}", f"{end:013d}"),
            table="audit",
        )
        for marker in read_all(self._table, query):
            stored_at, key = keys.pack_of_late(str(marker["sk"]))
            item = self._table.get(key)
            if item is not None:
                yield replace(_read_pack(item), found_at=stored_at)

    def recent(self, since: int, until: int) -> tuple[list[Pack], int | None]:
        """Read packs that are not indexed yet, up to a limit.

        Returns them, and the time up to which they are complete; None: completely.

        Pattern      X6, a search of requests
        Request      Query for each partition
        Consistency  eventual
        Cost         0.5 RRU per 4 KiB, and 0.5 for each of 8 partitions of an hour
        Bounds       AUDIT_RECENT_PACKS for each partition, AUDIT_RECENT_HOURS
        """
        packs: list[Pack] = []
        complete = until
        first = since // _HOUR
        for hour in range(first, until // _HOUR + 1):
            if hour == first + AUDIT_RECENT_HOURS:
                complete = min(complete, hour * _HOUR)
                break
            for partition in keys.request_pack_partitions(from_milliseconds(hour * _HOUR)):
                query = replace(
                    self._query(partition, since, until),
                    limit=AUDIT_RECENT_PACKS,
                    consistent=False,
                )
                page = self._table.query(query)
                found = list(map(_read_pack, page.items))
                packs += found
                if page.next_start is not None and found:
                    complete = min(complete, found[-1].found_at)
        return packs, complete if complete < until else None

    def _query(self, partition: str, start: int, end: int) -> Query:
        low, high = (floor_of(from_milliseconds(at)) for at in (start, end))
        prefix = keys.AUDIT_REQUEST_PREFIX
        return Query(partition=partition, between=(prefix + low, prefix + high), table="audit")


def _read_pack(item: Item) -> Pack:
    columns = item.get("columns")
    at = item.get("at")
    found_at = at if isinstance(at, int) else 0
    valid = isinstance(columns, list) and all(isinstance(column, bytes) for column in columns)
    return Pack(
        row_id=RowId(str(item["sk"])),
        found_at=found_at,
        columns=tuple(columns) if valid else (),  # type: ignore[arg-type]
    )

"""The audit trail's rows. Changes write theirs in their own transaction (`audit_rows`)."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from latchkey.domain.audit import Action, AuditRecord
from latchkey.domain.ids import floor_of, minted_at
from latchkey.domain.limits import AUDIT_SEARCH_DAYS
from latchkey.domain.paging import Slice
from latchkey.storage import keys
from latchkey.storage.audit_rows import row_put
from latchkey.storage.cursors import read_page, read_position, write_position
from latchkey.storage.records import from_item
from latchkey.storage.table import ConditionFailed, Key, Query, read_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from latchkey.domain.ids import SessionId, SubjectId
    from latchkey.domain.search import Period
    from latchkey.storage.table import Item, Table


def read_row(item: Item) -> AuditRecord:
    """Parse a stored row."""
    kind, _, name = str(item["pk"]).partition("#")
    subject = {"subject_id": name} if kind == "SUBJECT" else {}
    return from_item(AuditRecord, {**item, "id": item["sk"], **subject})


class AuditStore:
    """The rows of the audit trail, for authorized readers."""

    def __init__(self, table: Table, *, request_retention: timedelta) -> None:
        """Use this table, and keep rows of requests for this time."""
        self._table = table
        self._request_retention = request_retention

    def add_request(self, record: AuditRecord) -> bool:
        """Add the row of a request, or of counted requests.

        Pattern      U3, a log line arrived
        Request      PutItem
        Cost         1 WRU, and 2 or 3 for its indexes; 2 to 6 WRU for counts
        Condition    it is not there yet
        Race         a line that is delivered again adds nothing: False
        """
        try:
            self._table.put(row_put(record, retention=self._request_retention))
        except ConditionFailed:
            return False
        return True

    def read_changes(
        self, subject_id: SubjectId, *, after: str | None = None
    ) -> Iterator[AuditRecord]:
        """Read every change of a person's account lazily, oldest first.

        after  the id of the last row that was read

        Pattern      U2, export
        Request      Query
        Consistency  strong
        Cost         1 RRU per 4 KiB, which holds 8 rows or more
        Bounds       none; a page of 1 MB is in memory at a time
        """
        partition = keys.audit_partition(subject_id)
        start: Item | None = {"pk": partition, "sk": after} if after is not None else None
        query = Query(
            partition=partition,
            prefix=keys.AUDIT_CHANGE_PREFIX,
            table="audit",
            start_after=start,
        )
        return (read_row(item) for item in read_all(self._table, query))

    def read_requests(
        self, subject_id: SubjectId, low: str, high: str, *, newest_first: bool
    ) -> Iterator[AuditRecord]:
        """Read the rows of a person's requests lazily. Successful requests are in packs.

        low, high  ids without their prefix, both included

        Pattern      U9, search of requests, export
        Request      Query
        Consistency  strong
        Cost         1 RRU per 4 KiB, which holds 8 rows or more
        Bounds       none; a page of 100 rows is in memory at a time
        """
        prefix = keys.AUDIT_REQUEST_PREFIX
        query = Query(
            partition=keys.audit_partition(subject_id),
            between=(prefix + low, prefix + high),
            newest_first=newest_first,
            limit=100,
            table="audit",
        )
        return (read_row(item) for item in read_all(self._table, query))

    def list_by_subject(
        self,
        subject_id: SubjectId,
        period: Period,
        *,
        limit: int,
        cursor: str | None,
        bound_to: str,
    ) -> Slice[AuditRecord]:
        """List changes of a person's account, newest first.

        bound_to  the caller whose cursors these are

        Pattern      U5, an administrator searches by user
        Request      Query
        Consistency  strong
        Cost         1 RRU per 4 KiB
        Raises       InvalidCursor
        """
        prefix = keys.AUDIT_CHANGE_PREFIX
        query = Query(
            partition=keys.audit_partition(subject_id),
            between=(prefix + floor_of(period.since), prefix + floor_of(period.until)),
            newest_first=True,
            limit=limit,
            table="audit",
        )
        return read_page(self._table, query, read_row, pattern=f"audit|{bound_to}", cursor=cursor)

    def list_by_session(
        self,
        session_id: SessionId,
        period: Period,
        *,
        limit: int,
        cursor: str | None,
        bound_to: str,
    ) -> Slice[AuditRecord]:
        """List changes and refusals of a session, or made in it, newest first.

        Pattern      U6, an administrator searches by session
        Request      Query, BatchGetItem
        Consistency  eventual: a row is in the index within a second
        Cost         0.5 RRU per 4 KiB of keys, and 1 RRU a row
        Raises       InvalidCursor
        """
        query = Query(
            partition=keys.audit_session_partition(session_id),
            between=(floor_of(period.since), floor_of(period.until)),
            newest_first=True,
            limit=limit,
            table="audit",
            index="gsi1",
        )
        pattern = f"audit|{bound_to}"
        page = read_page(self._table, query, lambda item: item, pattern=pattern, cursor=cursor)
        return Slice(self._rows(page.entries), page.next_cursor)

    def list_by_time(
        self,
        period: Period,
        *,
        action: Action | None,
        limit: int,
        cursor: str | None,
        bound_to: str,
    ) -> Slice[AuditRecord]:
        """List the rows of a period, of one action or of all: changes and refusals, newest first.

        Pattern      U7, an administrator searches by time, or by action
        Request      Query for each day and shard, BatchGetItem
        Consistency  eventual: a row is in the index within a second
        Cost         0.5 RRU for each day and shard, at least, and 1 RRU a row
        Bounds       AUDIT_SEARCH_DAYS a page, so a page may be short and have a next one
        Raises       InvalidCursor
        """
        binding = f"time|{bound_to}|{action}|{period.since}"
        before = floor_of(period.until)
        if cursor is not None:
            before = min(before, read_position(cursor, binding))
        since = floor_of(period.since)
        found: list[Item] = []
        day = minted_at(f"_{before}").date()
        for _ in range(AUDIT_SEARCH_DAYS):
            found += self._of_day(day, action, (since, before), limit - len(found))
            if len(found) == limit or day <= period.since.date():
                break
            day -= timedelta(days=1)
        position = None
        if len(found) == limit:
            position = str(found[-1]["sk"]).partition("_")[2]
        elif day > period.since.date():
            position = floor_of(datetime.combine(day, time(), UTC))
        following = None if position is None else write_position(position, binding)
        return Slice(self._rows(found), following)

    def _of_day(
        self, day: date, action: Action | None, between: tuple[str, str], limit: int
    ) -> list[Item]:
        """Merge the shards of a day, newest first, without the upper bound itself."""
        partitions = keys.audit_day_partitions(day)
        if action is not None:
            partitions = keys.audit_action_partitions(action, day)
        found = [
            item
            for partition in partitions
            for item in self._table.query(
                Query(
                    partition=partition,
                    between=between,
                    newest_first=True,
                    limit=limit + 1,
                    table="audit",
                    index="gsi2" if action is None else "gsi3",
                )
            ).items
            if str(item["sk"]).partition("_")[2] != between[1]
        ]
        found.sort(key=lambda item: str(item["sk"]).partition("_")[2], reverse=True)
        return found[:limit]

    def _rows(self, found: Sequence[Item]) -> list[AuditRecord]:
        row_keys = [Key(str(item["pk"]), str(item["sk"]), "audit") for item in found]
        return [read_row(item) for item in self._table.get_many(row_keys)] if row_keys else []

    def list_changes(
        self, subject_id: SubjectId, *, limit: int, cursor: str | None
    ) -> Slice[AuditRecord]:
        """List the changes of a person's account, newest first.

        Pattern      U1, "my activity"
        Request      Query
        Consistency  eventual: a change is in the list within a second
        Cost         0.5 RRU per 4 KiB: 3.5 RRU for a page of 50
        Raises       InvalidCursor
        """
        query = Query(
            partition=keys.audit_partition(subject_id),
            prefix=keys.AUDIT_CHANGE_PREFIX,
            newest_first=True,
            limit=limit,
            table="audit",
            consistent=False,
        )
        return read_page(self._table, query, read_row, pattern="activity", cursor=cursor)

"""Exports: one item each, and a ledger that names the running one of a person.

Costs are those of the table. Listing an export again in gsi1 costs another 1 or 2 WRU.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.account import AccountStatus
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.errors import AccountNotFound, ExportAlreadyRunning
from latchkey.domain.export import Export, ExportBusy, ExportLeaseLost, ExportStatus
from latchkey.domain.ids import ExportId
from latchkey.domain.limits import EXPORT_HISTORY_DAYS, EXPORT_REQUEUE_AFTER_SECONDS
from latchkey.storage import keys
from latchkey.storage.changes import writes_of
from latchkey.storage.records import from_item, to_item, to_value
from latchkey.storage.table import (
    ABSENT,
    Change,
    Check,
    Compare,
    Condition,
    ConditionFailed,
    Key,
    Lacks,
    Put,
    Query,
    Update,
    equals,
    read_all,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from latchkey.domain.changes import Change as Decided
    from latchkey.domain.effects import Effects
    from latchkey.domain.export import FailureReason
    from latchkey.domain.ids import AccountId, LeaseId
    from latchkey.storage.effects import EffectWriter
    from latchkey.storage.table import Item, Table, Value, Write

_CHECKPOINT = ("lease_id", "lease_until", "collected", "after", "segments", "packed_at")
"""Attributes that only a worker needs. They are removed when the work is done."""

_PAGE = 100


class ExportStore:
    """The exports of every account."""

    def __init__(self, table: Table, effects: EffectWriter) -> None:
        """Use this table."""
        self._table = table
        self._effects = effects

    # The person's side -----------------------------------------------------------------------

    def find(self, account_id: AccountId, export_id: ExportId) -> Export | None:
        """Read one export of an account.

        Pattern      X1, show an export
        Request      GetItem
        Consistency  strong: progress never goes back
        Cost         1 RRU; 3 for the checkpoint of an export of 400 MiB
        """
        item = self._table.get(keys.export(account_id, export_id))
        return None if item is None else from_item(Export, item)

    def list_by_account(self, account_id: AccountId) -> list[Export]:
        """List an account's exports, newest first.

        Pattern      X2, list exports
        Request      Query
        Consistency  strong
        Cost         1 RRU per 4 KiB, which holds 10
        Bounds       the limit per day over EXPORT_HISTORY_DAYS; no paging needed
        """
        query = Query(
            partition=keys.account_partition(account_id),
            prefix=keys.EXPORT_PREFIX,
            newest_first=True,
        )
        return [from_item(Export, item) for item in read_all(self._table, query)]

    def ledger_version(self, account_id: AccountId) -> int:
        """Read the version of the account's ledger, for `put_new`.

        Pattern      X3, before a request
        Request      GetItem
        Consistency  strong
        Cost         1 RRU
        Raises       ExportAlreadyRunning
        """
        ledger = self._table.get(keys.export_ledger(account_id)) or {}
        if "running" in ledger:
            raise ExportAlreadyRunning(export_id=ExportId(str(ledger["running"])))
        return _version(ledger)

    def put_new(
        self,
        export: Export,
        *,
        ledger_version: int,
        effects: Effects,
        also: Sequence[Decided] = (),
    ) -> bool:
        """Create an export, and the message that starts it.

        also  further changes

        Pattern      X4, request an export
        Request      TransactWriteItems
        Cost         10 WRU: export, ledger, audit row, message, and the check of the account
        Condition    the account is active, no export is running, and its ledger has not
                     changed since the limit was counted
        Race         of two requests, one gets ExportAlreadyRunning. False if another export
                     started and ended in between, or if a change of `also` was refused
        Raises       AccountNotFound, ExportAlreadyRunning
        """
        ledger = Update(
            keys.export_ledger(export.account_id),
            Change(assign={"running": export.id}, add={"version": 1}),
            Lacks("running") & _is_version(ledger_version),
        )
        account = Check(
            keys.account(export.account_id), equals("status", AccountStatus.ACTIVE.value)
        )
        ttl = export.created_at + timedelta(days=EXPORT_HISTORY_DAYS)
        item = {
            **to_item(export),
            "ttl": int(ttl.timestamp()),
            **_due_after(export.id, export.created_at),
        }
        put = Put(keys.export(export.account_id, export.id), item, ABSENT)
        try:
            writes = [account, ledger, put, *writes_of(also)]
            self._table.transact([*writes, *self._effects.writes(effects)])
        except ConditionFailed as failed:
            if failed.write == account:
                raise AccountNotFound from failed
            if failed.write == ledger and failed.item is not None and "running" in failed.item:
                running = ExportId(str(failed.item["running"]))
                raise ExportAlreadyRunning(export_id=running) from failed
            return False
        return True

    def record_links(self, exports: Sequence[Export], now: datetime, effects: Effects) -> bool:
        """Record that links to these files will be returned.

        Pattern      X5, download
        Request      TransactWriteItems
        Cost         4 WRU for one: export and audit row; 2 for each further export
        Bounds       EXPORT_LINKS_PER_TRANSACTION
        Condition    each file exists and has not expired
        Race         False if one of them is gone: return no link
        """
        updates = [
            Update(
                keys.export(export.account_id, export.id),
                Change(add={"links_issued": 1}),
                _status(ExportStatus.READY) & Compare("expires_at", ">", to_milliseconds(now)),
            )
            for export in exports
        ]
        return self._try([*updates, *self._effects.writes(effects)])

    # The worker's side -----------------------------------------------------------------------

    def claim(
        self,
        account_id: AccountId,
        export_id: ExportId,
        *,
        lease_id: LeaseId,
        now: datetime,
        until: datetime,
    ) -> Export | None:
        """Claim an export. None if there is nothing left to do.

        Pattern      X6, a message arrives
        Request      UpdateItem
        Cost         1 WRU
        Condition    queued, or running with an expired lease
        Race         of two, one gets ExportBusy
        Raises       ExportBusy while another worker's lease lasts
        """
        change = Change(
            assign={
                "status": ExportStatus.RUNNING.value,
                "lease_id": lease_id,
                "lease_until": to_milliseconds(until),
                **_due_after(export_id, until),
            },
            add={"attempts": 1},
        )
        try:
            item = self._table.update(
                Update(keys.export(account_id, export_id), change, _is_free(now))
            )
        except ConditionFailed as failed:
            if failed.item is not None and from_item(Export, failed.item).is_open:
                raise ExportBusy from failed
            return None
        return from_item(Export, item)

    def checkpoint(self, export: Export) -> None:
        """Store the worker's progress.

        Pattern      X7, a segment is staged, or everything is
        Request      UpdateItem
        Cost         1 WRU per KiB: 1 for up to 5 segments
        Condition    the worker still has the lease
        Race         a worker that has lost its lease stops here
        Raises       ExportLeaseLost
        """
        written: dict[str, Value] = {
            "progress": export.progress,
            "step": export.step,
            "attempts": 0,
            "collected": list(export.collected),
            "segments": to_value(export.segments),
        }
        optional = {"after": export.after, "packed_at": to_value(export.packed_at)}
        change = Change(
            assign=written | {name: value for name, value in optional.items() if value is not None},
            drop=[name for name, value in optional.items() if value is None],
        )
        update = Update(keys.export(export.account_id, export.id), change, _leased_to(export))
        try:
            self._table.update(update)
        except ConditionFailed as failed:
            raise ExportLeaseLost from failed

    def hand_over(self, export: Export, now: datetime, effects: Effects) -> None:
        """Release an export with its checkpoint, and send the message that continues it.

        Pattern      X8, the worker's time runs out
        Request      TransactWriteItems
        Cost         4 WRU: export and message
        Condition    the worker still has the lease
        Raises       ExportLeaseLost
        """
        change = Change(
            assign={"status": ExportStatus.QUEUED.value, **_due_after(export.id, now)},
            drop=["lease_id", "lease_until"],
        )
        update = Update(keys.export(export.account_id, export.id), change, _leased_to(export))
        if not self._try([update, *self._effects.writes(effects)]):
            raise ExportLeaseLost

    def publish(
        self,
        export: Export,
        *,
        size_bytes: int,
        sha256: str,
        now: datetime,
        expires_at: datetime,
        effects: Effects,
    ) -> None:
        """Make the export ready. Only this write makes the file available.

        Pattern      X9, the archive is complete
        Request      TransactWriteItems
        Cost         8 WRU: export, ledger, audit row, mail
        Condition    the worker still has the lease
        Race         once for repeated deliveries, so there is one email
        Raises       ExportLeaseLost
        """
        change = Change(
            assign={
                "status": ExportStatus.READY.value,
                "progress": 100,
                "step": export.step,
                "size_bytes": size_bytes,
                "sha256": sha256,
                "ready_at": to_milliseconds(now),
                "expires_at": to_milliseconds(expires_at),
                **_index_attributes(keys.EXPORT_DUE, expires_at, export.id),
            },
            drop=_CHECKPOINT,
        )
        update = Update(keys.export(export.account_id, export.id), change, _leased_to(export))
        if not self._try([update, _release(export), *self._effects.writes(effects)]):
            raise ExportLeaseLost

    def fail(self, export: Export, reason: FailureReason, now: datetime, effects: Effects) -> bool:
        """Mark an export as failed. The lease stays: its worker may still be alive until then.

        Pattern      X10, a dead letter, too large, the account is closed
        Request      TransactWriteItems
        Cost         6 WRU: export, ledger, audit row
        Condition    queued or running
        Race         False if it is already finished or failed
        """
        change = Change(
            assign={
                "status": ExportStatus.FAILED.value,
                "failure": reason.value,
                "failed_at": to_milliseconds(now),
                **_index_attributes(keys.EXPORT_FAILED, now, export.id),
            },
            drop=[name for name in _CHECKPOINT if name != "lease_until"],
        )
        is_open = _status(ExportStatus.QUEUED) | _status(ExportStatus.RUNNING)
        update = Update(keys.export(export.account_id, export.id), change, is_open)
        return self._try([update, _release(export), *self._effects.writes(effects)])

    # Upkeep ----------------------------------------------------------------------------------

    def due(self, now: datetime) -> Iterator[Export]:
        """List overdue exports, the longest overdue first.

        Pattern      X11, cleanup
        Request      Query, GetItem
        Consistency  the index (gsi1) is eventually consistent: each is read again, strongly
        Cost         1.5 RRU for one; 1 for each further one, and half of one per 4 KiB of index
        Bounds       all that are overdue; read in pages of 100
        """
        return self._listed(keys.EXPORT_DUE, until=now)

    def failed(self, now: datetime) -> Iterator[Export]:
        """List failed exports, oldest first.

        Pattern      X12, redrive
        Request      Query, GetItem
        Consistency  as X11
        Cost         1.5 RRU for one, as X11
        """
        return self._listed(keys.EXPORT_FAILED, until=now)

    def requeue(self, export: Export, now: datetime, effects: Effects) -> bool:
        """Send another message for an export that seems to have no worker.

        Pattern      X13, cleanup
        Request      TransactWriteItems
        Cost         4 WRU: export and message
        Condition    queued, or running with an expired lease, and not yet requeued
        Race         of two, one gets False
        """
        overdue = Compare("gsi1sk", "<=", keys.due(to_milliseconds(now), export.id))
        change = Change(
            assign={"status": ExportStatus.QUEUED.value, **_due_after(export.id, now)},
            drop=["lease_id", "lease_until"],
        )
        update = Update(keys.export(export.account_id, export.id), change, _is_free(now) & overdue)
        return self._try([update, *self._effects.writes(effects)])

    def expire(self, export: Export, effects: Effects) -> bool:
        """Record that a file was removed.

        Pattern      X14, cleanup
        Request      TransactWriteItems
        Cost         4 WRU: export and audit row
        Condition    ready
        Race         of two, one gets False
        """
        change = Change(assign={"status": ExportStatus.EXPIRED.value}, drop=["gsi1pk", "gsi1sk"])
        update = Update(
            keys.export(export.account_id, export.id), change, _status(ExportStatus.READY)
        )
        return self._try([update, *self._effects.writes(effects)])

    def redrive(self, export: Export, now: datetime, effects: Effects) -> bool:
        """Restart a failed export.

        Pattern      X15, an operator has repaired the cause
        Request      TransactWriteItems
        Cost         8 WRU: export, ledger, message, audit row
        Condition    failed, and the person has no running export
        Race         of two, one gets False
        """
        update = Update(
            keys.export(export.account_id, export.id),
            Change(
                assign={
                    "status": ExportStatus.QUEUED.value,
                    "attempts": 0,
                    "step": export.step,
                    **_due_after(export.id, now),
                },
                drop=["failure", "failed_at", "lease_until"],
            ),
            _status(ExportStatus.FAILED),
        )
        ledger = Update(
            keys.export_ledger(export.account_id),
            Change(assign={"running": export.id}, add={"version": 1}),
            Lacks("running"),
        )
        return self._try([update, ledger, *self._effects.writes(effects)])

    def delete_by_account(self, account_id: AccountId) -> None:
        """Remove an account's exports. Their files must be deleted before.

        Pattern      X16, erasure
        Request      Query, BatchWriteItem
        Cost         2 WRU for one: 1 each, and the ledger
        """
        exports = self.list_by_account(account_id)
        self._table.delete_many(
            [keys.export_ledger(account_id), *(keys.export(account_id, e.id) for e in exports)]
        )

    def _listed(self, partition: str, *, until: datetime) -> Iterator[Export]:
        # Keys sort as text: "0" sorts before every id and "~" after.
        bounds = ("0", keys.due(to_milliseconds(until), "~"))
        query = Query(partition=partition, between=bounds, limit=_PAGE, index="gsi1")
        for found in list(read_all(self._table, query)):
            item = self._table.get(Key(str(found["pk"]), str(found["sk"])))
            if item is not None and item.get("gsi1pk") == partition:
                yield from_item(Export, item)

    def _try(self, writes: list[Write]) -> bool:
        try:
            self._table.transact(writes)
        except ConditionFailed:
            return False
        return True


def _status(status: ExportStatus) -> Condition:
    return equals("status", status.value)


def _is_free(now: datetime) -> Condition:
    return _status(ExportStatus.QUEUED) | (
        _status(ExportStatus.RUNNING) & Compare("lease_until", "<=", to_milliseconds(now))
    )


def _leased_to(export: Export) -> Condition:
    return _status(ExportStatus.RUNNING) & equals("lease_id", export.lease_id)


def _release(export: Export) -> Update:
    """Return the write that frees the slot of a running export: see `put_new`, `redrive`."""
    return Update(
        keys.export_ledger(export.account_id),
        Change(drop=["running"], add={"version": 1}),
        equals("running", export.id),
    )


def _version(ledger: Item) -> int:
    version = ledger.get("version", 0)
    return version if isinstance(version, int) else 0


def _is_version(version: int) -> Condition:
    return equals("version", version) if version else Lacks("version")


def _due_after(export_id: ExportId, since: datetime) -> dict[str, Value]:
    """Return the index attributes that make cleanup check the export at this time."""
    at = since + timedelta(seconds=EXPORT_REQUEUE_AFTER_SECONDS)
    return _index_attributes(keys.EXPORT_DUE, at, export_id)


def _index_attributes(partition: str, at: datetime, export_id: ExportId) -> dict[str, Value]:
    return {"gsi1pk": partition, "gsi1sk": keys.due(to_milliseconds(at), export_id)}

"""Builds an export: collects the parts, packs them, and publishes the file. Survives crashes.

This works because:
- every result is a conditional write on the export with this worker's lease;
- rows are staged under names with the lease, and are used only after the export's record names
  them, so an old worker can't overwrite them;
- the archive depends only on that record, so packing it again writes the same object;
- publishing, the release of the person's slot, the audit row and the email are one transaction.
A crash costs at most the work of one segment, and no effect happens twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.account import AccountStatus
from latchkey.domain.audit import SYSTEM_ACTOR, Action, AuditRow, audit_row
from latchkey.domain.effects import Effects, OutboxMessage, Queue
from latchkey.domain.errors import AccountNotFound
from latchkey.domain.export import (
    DONE_STEP,
    PACKING_STEP,
    Export,
    ExportBusy,
    FailureReason,
    Segment,
)
from latchkey.domain.ids import AccountId, new_id
from latchkey.domain.limits import (
    EXPORT_HAND_OVER_SECONDS,
    EXPORT_LEASE_MARGIN_SECONDS,
    EXPORT_MAX_ATTEMPTS,
    EXPORT_MAX_SEGMENTS,
    EXPORT_PACK_BYTES_PER_SECOND,
    EXPORT_SEGMENT_BYTES,
)
from latchkey.domain.mail import ExportReady
from latchkey.domain.request import RequestContext
from latchkey.flows.export_archive import encode_row, pack
from latchkey.flows.export_parts import PARTS, Form

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from latchkey.domain.account import Account
    from latchkey.domain.clock import Clock
    from latchkey.flows.export_parts import Part, Row, Sources
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.export_files import ExportFiles
    from latchkey.storage.exports import ExportStore

_COLLECTED_PERCENT = 80
"""The progress between collecting and packing."""

_PACKED_PERCENT = 99
"""The progress after packing. 100 is a downloadable file."""

_LONG_TABLE_WEIGHT = 6
"""The weight of a long table in the progress, compared with other parts."""


def export_message(export: Export, now: datetime) -> OutboxMessage:
    """Return the message that starts or continues an export."""
    body: dict[str, str | int | bool | None] = {
        "account_id": export.account_id,
        "export_id": export.id,
    }
    return OutboxMessage(id=new_id("out", now), queue=Queue.EXPORT, body=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One delivery of one message, whose id names what is done in the audit trail.

    seconds_left  of the invocation's time
    """

    message: OutboxMessage
    seconds_left: Callable[[], float]

    @property
    def account_id(self) -> AccountId:
        """The account of the export."""
        return AccountId(str(self.message.body["account_id"]))

    @property
    def export_id(self) -> str:
        """The id of the export."""
        return str(self.message.body["export_id"])


class _OutOfTimeError(Exception):
    """The time is over. Another message continues."""


class _TooLargeError(Exception):
    """More data than one invocation can pack."""


def _unwatched(_point: str) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportWorker:
    """The flow and its parts.

    on_checkpoint  is called with the name of each step. Only tests use it, to kill the worker in a
                   separate process (`tests/support/export_process.py`). No setting enables it
    """

    accounts: AccountStore
    exports: ExportStore
    sources: Sources
    files: ExportFiles
    clock: Clock
    retention: timedelta
    segment_bytes: int = EXPORT_SEGMENT_BYTES
    on_checkpoint: Callable[[str], None] = _unwatched

    def work(self, work: Work) -> None:
        """Process an export as far as time allows: to its end, or to another message.

        For a finished export it only cleans up.

        Raises ExportBusy or ExportLeaseLost if another worker has it, and errors of storage. The
        message must then be delivered again.
        """
        self.on_checkpoint("received")
        now = self.clock.now()
        life = timedelta(seconds=work.seconds_left() + EXPORT_LEASE_MARGIN_SECONDS)
        export = self.exports.claim(
            work.account_id,
            work.export_id,
            lease_id=new_id("lea", now),
            now=now,
            until=now + life,
        )
        self.on_checkpoint("claimed")
        if export is None:
            self.files.delete_staged(work.export_id)
            return
        account = self._usable_account(work.account_id)
        self.on_checkpoint("account_read")
        if account is None:
            self._give_up(export, None, FailureReason.ACCOUNT_CLOSED, work)
        elif export.attempts > EXPORT_MAX_ATTEMPTS:
            self._give_up(export, account, FailureReason.INTERRUPTED, work)
        else:
            self._make(export, account, work)

    def dead_letter(self, message: OutboxMessage) -> None:
        """Mark an export as failed after the last delivery.

        Raises ExportBusy while a worker may still be alive.
        """
        work = Work(message=message, seconds_left=lambda: 0)
        export = self.exports.find(work.account_id, work.export_id)
        if export is None or not export.is_open:
            return
        if export.lease_until is not None and self.clock.now() < export.lease_until:
            raise ExportBusy
        account = self._usable_account(work.account_id)
        reason = FailureReason.INTERRUPTED if account else FailureReason.ACCOUNT_CLOSED
        self._give_up(export, account, reason, work)

    def _usable_account(self, account_id: AccountId) -> Account | None:
        try:
            account = self.accounts.get(account_id)
        except AccountNotFound:
            return None
        return account if account.status is AccountStatus.ACTIVE else None

    def _make(self, export: Export, account: Account, work: Work) -> None:
        making = _Making(self, export, account, work)
        try:
            making.collect()
            making.begin_packing()
        except _OutOfTimeError:
            self._hand_over(making.export)
            return
        except _TooLargeError:
            self._give_up(making.export, account, FailureReason.TOO_LARGE, work)
            return
        size_bytes, sha256 = making.pack()
        now = self.clock.now()
        self.exports.publish(
            replace(making.export, step=DONE_STEP),
            size_bytes=size_bytes,
            sha256=sha256,
            now=now,
            expires_at=now + self.retention,
            effects=self._completed(export, account, work),
        )
        self.on_checkpoint("published")
        self.files.delete_staged(export.id)
        self.on_checkpoint("swept")

    def _completed(self, export: Export, account: Account, work: Work) -> Effects:
        mail = ExportReady(account_id=account.id, export_id=export.id)
        return Effects(
            audit=(self._row(Action.EXPORT_COMPLETED, export, account, work),),
            outbox=(mail.message(self._context(work)),),
        )

    def _hand_over(self, export: Export) -> None:
        self.on_checkpoint("time_up")
        now = self.clock.now()
        self.exports.hand_over(export, now, Effects(outbox=(export_message(export, now),)))
        self.on_checkpoint("handed_over")

    def _give_up(
        self, export: Export, account: Account | None, reason: FailureReason, work: Work
    ) -> None:
        rows = (self._row(Action.EXPORT_FAILED, export, account, work),) if account else ()
        self.exports.fail(export, reason, self.clock.now(), Effects(audit=rows))
        self.files.delete_staged(export.id)

    def _row(self, action: Action, export: Export, account: Account, work: Work) -> AuditRow:
        context = self._context(work)
        return audit_row(action, account.audit, context, actor=SYSTEM_ACTOR, targets=(export.id,))

    def _context(self, work: Work) -> RequestContext:
        return RequestContext(request_id=work.message.id, now=self.clock.now(), ip_address="")


class _Making:
    """The work of one worker on one export. `export` is its current record."""

    def __init__(self, worker: ExportWorker, export: Export, account: Account, work: Work) -> None:
        self.export = export
        self._worker = worker
        self._account = account
        self._work = work
        self._on_checkpoint = worker.on_checkpoint

    # Collecting ------------------------------------------------------------------------------

    def collect(self) -> None:
        """Stage every part. Raises _OutOfTimeError, _TooLargeError."""
        for part in PARTS:
            if part.name not in self.export.collected:
                self._collect_part(part)

    def _collect_part(self, part: Part) -> None:
        self._on_checkpoint("part_begun")
        rows: list[bytes] = []
        size = 0
        for row in part.rows(self._worker.sources, self._account, self.export.after):
            self._on_checkpoint("row_read")
            rows.append(encode_row(row.content))
            size += len(rows[-1])
            out_of_time = self._work.seconds_left() < EXPORT_HAND_OVER_SECONDS
            if size < self._worker.segment_bytes and not out_of_time:
                continue
            self._stage(part, rows)
            self._checkpoint(part, after=row.cursor, fraction=self._fraction(part, row))
            rows, size = [], 0
            if len(self.export.segments) > EXPORT_MAX_SEGMENTS:
                raise _TooLargeError
            if out_of_time:
                raise _OutOfTimeError
        if rows:
            self._stage(part, rows)
        self.export = replace(self.export, collected=(*self.export.collected, part.name))
        self._checkpoint(part, after=None, fraction=0)
        self._on_checkpoint("part_collected")

    def _stage(self, part: Part, rows: list[bytes]) -> None:
        self._on_checkpoint("segment_full")
        export, content = self.export, b"".join(rows)
        name = f"{len(export.segments):04d}-{export.lease_id}"
        self._worker.files.stage(export.id, name, content)
        self._on_checkpoint("segment_staged")
        segment = Segment(part=part.name, name=name, rows=len(rows), size_bytes=len(content))
        self.export = replace(export, segments=(*export.segments, segment))

    def _checkpoint(self, part: Part, *, after: str | None, fraction: float) -> None:
        collected = sum(_weight(p) for p in PARTS if p.name in self.export.collected)
        whole = sum(_weight(p) for p in PARTS)
        percent = int(_COLLECTED_PERCENT * (collected + fraction * _weight(part)) / whole)
        self.export = replace(
            self.export,
            after=after,
            step=part.name,
            progress=max(self.export.progress, percent),
        )
        self._worker.exports.checkpoint(self.export)
        self._on_checkpoint("checkpointed")

    def _fraction(self, part: Part, row: Row) -> float:
        """Return the share of a long table that was read, by the time that it covers.

        Its length is unknown, and counting would cost as much as reading.
        """
        if row.at is None or part.form is not Form.LONG_TABLE:
            return 0
        begin = self._account.created_at
        whole = (self.export.created_at - begin).total_seconds()
        read = (row.at - begin).total_seconds()
        return min(1.0, max(0.0, read / whole)) if whole > 0 else 0

    # Packing ---------------------------------------------------------------------------------

    def begin_packing(self) -> None:
        """Record that everything is staged. Raises _OutOfTimeError."""
        if self.export.packed_at is not None:
            return
        self._on_checkpoint("all_collected")
        self.export = replace(
            self.export,
            packed_at=self._worker.clock.now(),
            step=PACKING_STEP,
            progress=max(self.export.progress, _COLLECTED_PERCENT),
        )
        self._worker.exports.checkpoint(self.export)
        self._on_checkpoint("packing_begun")
        seconds = self._size() / EXPORT_PACK_BYTES_PER_SECOND
        if self._work.seconds_left() < seconds + EXPORT_HAND_OVER_SECONDS:
            # A complete invocation is enough for EXPORT_MAX_SEGMENTS, so this happens once.
            raise _OutOfTimeError

    def pack(self) -> tuple[int, str]:
        """Write the archive. Returns its size and SHA-256. Raises ExportLeaseLost."""
        export, worker = self.export, self._worker
        archive = worker.files.write_archive(export.id)
        self._on_checkpoint("upload_begun")

        def read(name: str) -> bytes:
            self._on_checkpoint("segment_read")
            return worker.files.read_staged(export.id, name)

        try:
            pack(export, read, archive, self._part_packed)
            self._on_checkpoint("archive_written")
            complete = archive.complete()
        except Exception:
            archive.abandon()
            raise
        self._on_checkpoint("archive_complete")
        return complete

    def _part_packed(self, part: Part) -> None:
        self._on_checkpoint("part_packed")
        names = [p.name for p in PARTS]
        packed = names[: names.index(part.name) + 1]
        done = self._size(packed) / (self._size() or 1)
        percent = _COLLECTED_PERCENT + int((_PACKED_PERCENT - _COLLECTED_PERCENT) * done)
        if percent > self.export.progress:
            self.export = replace(self.export, progress=percent)
            # Also checks the lease before any more work.
            self._worker.exports.checkpoint(self.export)
            self._on_checkpoint("packing_checkpointed")

    def _size(self, parts: list[str] | None = None) -> int:
        return sum(s.size_bytes for s in self.export.segments if parts is None or s.part in parts)


def _weight(part: Part) -> int:
    return _LONG_TABLE_WEIGHT if part.form is Form.LONG_TABLE else 1

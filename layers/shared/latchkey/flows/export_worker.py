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

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from latchkey.domain.account import AccountStatus
from latchkey.domain.audit import SYSTEM_ACTOR, Action, AuditRow, audit_row
from latchkey.domain.effects import Effects, OutboxMessage
from latchkey.domain.errors import AccountNotFound
from latchkey.domain.export import (
    DONE_STEP,
    PACKING_STEP,
    Export,
    ExportBusy,
    FailureReason,
    Segment,
    export_message,
)
from latchkey.domain.ids import AccountId, ExportId, LeaseId, new_id
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
from latchkey.domain.values import dataclass, replace
from latchkey.flows.export_archive import encode_row, pack
from latchkey.flows.export_parts import PARTS, Form
from latchkey.flows.steps import Step, run_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from latchkey.domain.account import Account
    from latchkey.domain.clock import Clock
    from latchkey.flows.export_parts import Part, Row, Sources
    from latchkey.flows.steps import Runner
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.export_files import ExportFiles
    from latchkey.storage.exports import ExportStore

_COLLECTED_PERCENT = 80
"""The progress between collecting and packing."""

_PACKED_PERCENT = 99
"""The progress after packing. 100 is a downloadable file."""

_LONG_TABLE_WEIGHT = 6
"""The weight of a long table in the progress, compared with other parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One delivery of one message. Its audit rows have the message's id as their request id.

    seconds_left  returns the rest of the invocation's time
    """

    message: OutboxMessage
    seconds_left: Callable[[], float]

    @property
    def account_id(self) -> AccountId:
        """The account of the export."""
        return AccountId(str(self.message.body["account_id"]))

    @property
    def export_id(self) -> ExportId:
        """The id of the export."""
        return ExportId(str(self.message.body["export_id"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportWorker:
    """The flow and its parts.

    run  runs the steps of an export
    """

    accounts: AccountStore
    exports: ExportStore
    sources: Sources
    files: ExportFiles
    clock: Clock
    retention: timedelta
    segment_bytes: int = EXPORT_SEGMENT_BYTES
    run: Runner = run_steps

    def work(self, work: Work) -> None:
        """Process an export as far as time allows: to its end, or to another message.

        For a finished export it only cleans up.

        Raises ExportBusy or ExportLeaseLost if another worker has it, and errors of storage. The
        message must then be delivered again.
        """
        self.run(_ExportRun(self, work).steps())

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
        account = self.usable_account(work.account_id)
        reason = FailureReason.INTERRUPTED if account else FailureReason.ACCOUNT_CLOSED
        self.give_up(export, account, reason, work)

    def usable_account(self, account_id: AccountId) -> Account | None:
        """Return the account, if it is active."""
        try:
            account = self.accounts.get(account_id)
        except AccountNotFound:
            return None
        return account if account.status is AccountStatus.ACTIVE else None

    def completed(self, export: Export, account: Account, work: Work) -> Effects:
        """Return the audit row and the email of an export that is ready."""
        mail = ExportReady(account_id=account.id, export_id=export.id)
        return Effects(
            audit=(self._row(Action.EXPORT_COMPLETED, export, account, work),),
            outbox=(mail.message(self._context(work)),),
        )

    def give_up(
        self, export: Export, account: Account | None, reason: FailureReason, work: Work
    ) -> None:
        """Mark an export as failed, with a reason that its owner can use."""
        rows = (self._row(Action.EXPORT_FAILED, export, account, work),) if account else ()
        self.exports.fail(export, reason, self.clock.now(), Effects(audit=rows))
        self.files.delete_staged(export.id)

    def _row(self, action: Action, export: Export, account: Account, work: Work) -> AuditRow:
        context = self._context(work)
        return audit_row(action, account.audit, context, actor=SYSTEM_ACTOR, targets=(export.id,))

    def _context(self, work: Work) -> RequestContext:
        return RequestContext(request_id=work.message.id, now=self.clock.now(), ip_address="")


class _ExportRun:
    """The work of one worker on one export. `_export` is its current record."""

    def __init__(self, flow: ExportWorker, work: Work) -> None:
        self._flow = flow
        self._work = work
        self._claimed: Export | None = None
        self._account: Account | None = None
        self._stop: Step | None = None
        self._file = (0, "")

    @property
    def _export(self) -> Export:
        if self._claimed is None:
            msg = "the export was not claimed"
            raise RuntimeError(msg)
        return self._claimed

    def steps(self) -> Iterator[Step]:
        """Claim, collect part by part, pack, publish; or stop with a hand-over or a failure."""
        yield Step("claim", self._claim)
        if self._claimed is None:
            yield Step("sweep", self._sweep)
            return
        yield Step("read_account", self._read_account)
        account = self._account
        if account is None or self._export.attempts > EXPORT_MAX_ATTEMPTS:
            reason = FailureReason.INTERRUPTED if account else FailureReason.ACCOUNT_CLOSED
            yield self._failing(reason)
            return
        for part in PARTS:
            if self._stop is None and part.name not in self._export.collected:
                yield from self._collect(part, account)
        if self._stop is None and self._export.packed_at is None:
            yield Step("begin_packing", self._begin_packing)
        if self._stop is not None:
            yield self._stop
            return
        yield Step("pack", self._pack)
        yield Step("publish", partial(self._publish, account))
        yield Step("sweep", self._sweep)

    def _failing(self, reason: FailureReason) -> Step:
        return Step("give_up", partial(self._give_up, reason))

    def _claim(self) -> None:
        now = self._flow.clock.now()
        life = timedelta(seconds=self._work.seconds_left() + EXPORT_LEASE_MARGIN_SECONDS)
        self._claimed = self._flow.exports.claim(
            self._work.account_id,
            self._work.export_id,
            lease_id=LeaseId(new_id("lea", now)),
            now=now,
            until=now + life,
        )

    def _read_account(self) -> None:
        self._account = self._flow.usable_account(self._work.account_id)

    def _give_up(self, reason: FailureReason) -> None:
        self._flow.give_up(self._export, self._account, reason, self._work)

    def _hand_over(self) -> None:
        """Queue another message, which continues from the checkpoint."""
        now = self._flow.clock.now()
        message = export_message(self._export, now)
        self._flow.exports.hand_over(self._export, now, Effects(outbox=(message,)))

    def _sweep(self) -> None:
        self._flow.files.delete_staged(self._work.export_id)

    # Collecting ------------------------------------------------------------------------------

    def _collect(self, part: Part, account: Account) -> Iterator[Step]:
        """Stage the rows of a part, a segment at a time, each with a checkpoint."""
        rows = part.rows(self._flow.sources, account, self._export.after)
        while True:
            segment = _Rows()
            yield Step("read_rows", partial(self._read_rows, rows, segment))
            if segment.content:
                yield Step("stage", partial(self._stage, part, segment))
            yield Step("checkpoint", partial(self._checkpoint, part, segment, account))
            if segment.end is None or self._stop is not None:
                return

    def _read_rows(self, rows: Iterator[Row], segment: _Rows) -> None:
        size = 0
        for row in rows:
            segment.content.append(encode_row(row.content))
            size += len(segment.content[-1])
            is_out_of_time = self._work.seconds_left() < EXPORT_HAND_OVER_SECONDS
            if size >= self._flow.segment_bytes or is_out_of_time:
                segment.end = row
                self._stop = Step("hand_over", self._hand_over) if is_out_of_time else None
                return

    def _stage(self, part: Part, segment: _Rows) -> None:
        export, content = self._export, b"".join(segment.content)
        name = f"{len(export.segments):04d}-{export.lease_id}"
        self._flow.files.stage(export.id, name, content)
        staged = Segment(
            part=part.name, name=name, rows=len(segment.content), size_bytes=len(content)
        )
        self._claimed = replace(export, segments=(*export.segments, staged))

    def _checkpoint(self, part: Part, segment: _Rows, account: Account) -> None:
        export = self._export
        after, fraction = None, 0.0
        if segment.end is None:
            export = replace(export, collected=(*export.collected, part.name))
        else:
            after, fraction = segment.end.cursor, self._fraction(part, segment.end, account)
        collected = sum(_weight(p) for p in PARTS if p.name in export.collected)
        whole = sum(_weight(p) for p in PARTS)
        percent = int(_COLLECTED_PERCENT * (collected + fraction * _weight(part)) / whole)
        self._claimed = replace(
            export, after=after, step=part.name, progress=max(export.progress, percent)
        )
        self._flow.exports.checkpoint(self._claimed)
        if segment.end is not None and len(export.segments) > EXPORT_MAX_SEGMENTS:
            # More data than one invocation can pack.
            self._stop = self._failing(FailureReason.TOO_LARGE)

    def _fraction(self, part: Part, row: Row, account: Account) -> float:
        """Return the share of a long table that was read, by the time that it covers.

        Its length is unknown, and counting would cost as much as reading.
        """
        if row.at is None or part.form is not Form.LONG_TABLE:
            return 0
        begin = account.created_at
        whole = (self._export.created_at - begin).total_seconds()
        read = (row.at - begin).total_seconds()
        return min(1.0, max(0.0, read / whole)) if whole > 0 else 0

    # Packing ---------------------------------------------------------------------------------

    def _begin_packing(self) -> None:
        """Record that everything is staged; hand over if the rest of the time is too short."""
        self._claimed = replace(
            self._export,
            packed_at=self._flow.clock.now(),
            step=PACKING_STEP,
            progress=max(self._export.progress, _COLLECTED_PERCENT),
        )
        self._flow.exports.checkpoint(self._claimed)
        seconds = self._size() / EXPORT_PACK_BYTES_PER_SECOND
        if self._work.seconds_left() < seconds + EXPORT_HAND_OVER_SECONDS:
            # A complete invocation is enough for EXPORT_MAX_SEGMENTS, so this happens once.
            self._stop = Step("hand_over", self._hand_over)

    def _pack(self) -> None:
        """Write the archive. Raises ExportLeaseLost."""
        export, files = self._export, self._flow.files
        archive = files.write_archive(export.id)
        try:
            pack(
                export,
                lambda name: files.read_staged(export.id, name),
                archive,
                self._part_packed,
            )
            self._file = archive.complete()
        except Exception:
            archive.abandon()
            raise

    def _part_packed(self, part: Part) -> None:
        names = [p.name for p in PARTS]
        packed = names[: names.index(part.name) + 1]
        done = self._size(packed) / (self._size() or 1)
        percent = _COLLECTED_PERCENT + int((_PACKED_PERCENT - _COLLECTED_PERCENT) * done)
        if percent > self._export.progress:
            self._claimed = replace(self._export, progress=percent)
            # Also checks the lease before any more work.
            self._flow.exports.checkpoint(self._claimed)

    def _publish(self, account: Account) -> None:
        now = self._flow.clock.now()
        size_bytes, sha256 = self._file
        self._flow.exports.publish(
            replace(self._export, step=DONE_STEP),
            size_bytes=size_bytes,
            sha256=sha256,
            now=now,
            expires_at=now + self._flow.retention,
            effects=self._flow.completed(self._export, account, self._work),
        )

    def _size(self, parts: list[str] | None = None) -> int:
        segments = self._export.segments
        return sum(s.size_bytes for s in segments if parts is None or s.part in parts)


class _Rows:
    """The rows of one segment.

    end  the last row; None if the part has no more rows after this segment
    """

    def __init__(self) -> None:
        self.content: list[bytes] = []
        self.end: Row | None = None


def _weight(part: Part) -> int:
    return _LONG_TABLE_WEIGHT if part.form is Form.LONG_TABLE else 1

"""Requeues, expires, restarts and erases exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from latchkey.domain.audit import SYSTEM_ACTOR, Action, audit_row
from latchkey.domain.effects import Effects
from latchkey.domain.errors import AccountNotFound
from latchkey.domain.export import WAITING_STEP, Export, ExportStatus, FailureReason, export_message
from latchkey.domain.ids import new_id
from latchkey.domain.request import RequestContext
from latchkey.domain.values import dataclass, replace

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.audit import AuditRow
    from latchkey.domain.ids import AccountId
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.export_files import ExportFiles
    from latchkey.storage.exports import ExportStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportUpkeep:
    """The flow and its parts. All methods can be repeated and run in parallel."""

    accounts: AccountStore
    exports: ExportStore
    files: ExportFiles

    def requeue_stuck(self, now: datetime) -> int:
        """Send messages for exports that have no worker. Returns their number.

        For messages that the outbox no longer retries, and dead workers without a redelivery.
        """
        stuck = [export for export in self.exports.due(now) if export.is_open]
        return sum(
            self.exports.requeue(export, now, Effects(outbox=(export_message(export, now),)))
            for export in stuck
        )

    def expire(self, now: datetime) -> int:
        """Remove expired files. Returns their number.

        The file is removed first, so that the next run can continue after a crash. An export shows
        `expired` from its time on, even if this has not run yet.
        """
        due = [e for e in self.exports.due(now) if e.status is ExportStatus.READY]
        expired = 0
        for export in due:
            if export.status_at(now) is not ExportStatus.EXPIRED:
                continue
            self.files.delete_archive(export.id)
            rows = self._rows(Action.EXPORT_EXPIRED, export, now)
            expired += self.exports.expire(export, Effects(audit=rows))
        return expired

    def redrive(self, now: datetime) -> int:
        """Restart failed exports. Returns their number.

        For an operator, after the repair of the cause. Exports that were too large, or whose owner
        has requested another one, are skipped.
        """
        redriven = 0
        for export in list(self.exports.failed(now)):
            if export.failure is not FailureReason.INTERRUPTED:
                continue
            effects = Effects(
                audit=self._rows(Action.EXPORT_REDRIVEN, export, now),
                outbox=(export_message(export, now),),
            )
            redriven += self.exports.redrive(replace(export, step=WAITING_STEP), now, effects)
        return redriven

    kind: ClassVar[str] = "export"
    """The name of exports in the receipt of an erasure (`flows.erasure.ExternalData`)."""

    def count(self, account_id: AccountId) -> int:
        """Return the number of exports of an account."""
        return len(self.exports.list_by_account(account_id))

    def remove_all(self, account_id: AccountId, now: datetime) -> datetime | None:
        """Remove an account's exports and their files.

        Call it after the account was deactivated, and again until it returns None. Otherwise it
        returns the time until which a worker may still write: the worker has lost its lease but may
        not have noticed.
        """
        exports = self.exports.list_by_account(account_id)
        for export in exports:
            if export.is_open:
                self.exports.fail(export, FailureReason.ACCOUNT_CLOSED, now, Effects())
        for export in exports:
            self.files.delete_archive(export.id)
            self.files.delete_staged(export.id)
        leases = [e.lease_until for e in exports if e.lease_until and e.lease_until > now]
        if leases:
            return max(leases)
        self.exports.delete_by_account(account_id)
        return None

    def _rows(self, action: Action, export: Export, now: datetime) -> tuple[AuditRow, ...]:
        try:
            account = self.accounts.get(export.account_id)
        except AccountNotFound:
            return ()
        context = RequestContext(request_id=new_id("job", now), now=now, ip_address="")
        return (
            audit_row(action, account.audit, context, actor=SYSTEM_ACTOR, targets=(export.id,)),
        )

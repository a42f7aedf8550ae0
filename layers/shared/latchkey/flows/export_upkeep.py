"""What keeps exports going and gets rid of them: for the schedule, operators and erasure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from latchkey.domain.audit import SYSTEM_ACTOR, Action, audit_row
from latchkey.domain.effects import Effects
from latchkey.domain.errors import AccountNotFound
from latchkey.domain.export import WAITING_STEP, Export, ExportStatus, FailureReason
from latchkey.domain.ids import new_id
from latchkey.domain.request import RequestContext
from latchkey.flows.export_worker import export_message

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.audit import AuditRow
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.export_files import ExportFiles
    from latchkey.storage.exports import ExportStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportUpkeep:
    """The flows, and what they need. All of them can run twice, and at the same time."""

    accounts: AccountStore
    exports: ExportStore
    files: ExportFiles

    def requeue_stuck(self, now: datetime) -> int:
        """Send the messages of exports again that nobody works on; return how many.

        The second net below the outbox: a message that was given up there, or a worker's death
        that no redelivery followed.
        """
        stuck = [export for export in self.exports.due(now) if export.is_open]
        return sum(
            self.exports.requeue(export, now, Effects(outbox=(export_message(export, now),)))
            for export in stuck
        )

    def expire(self, now: datetime) -> int:
        """Remove the files whose time has passed; return how many.

        The file first: the export says `expired` from its hour on, whether or not this has run,
        and a run that dies in between comes back to it.
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
        """Start every failed export over that can be; return how many.

        For an operator who has repaired what made them fail. One whose owner has asked for
        another since stays as it is, and so does one that is too large.
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
    """What exports are called in the receipt of an erasure (`flows.erasure.Elsewhere`)."""

    def count(self, account_id: str) -> int:
        """Say how many exports of an account there are."""
        return len(self.exports.list_by_account(account_id))

    def remove_all(self, account_id: str, now: datetime) -> datetime | None:
        """Remove an account's exports and their files; for the end of the account.

        Call it after the account has ceased to be active, and again until it returns None: it
        returns the instant until which a worker may still be alive that could write once more. It
        has stopped that worker already, but can't know whether it has noticed.
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

"""Heartbeats through each stream, so that a stopped consumer is detected.

A consumer of a stream is invoked only for records. On an idle stack "no work" and "broken" look the
same. With a heartbeat every few minutes, missing invocations mean that a consumer is broken, and
the template's alarms for missing invocations do not start on an idle stack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.audit import SYSTEM_ACTOR, Action, AuditRow
from latchkey.domain.effects import Effects
from latchkey.domain.ids import RowId, new_id, new_ordered_id
from latchkey.domain.limits import CLEANUP_INTERVAL_MINUTES
from latchkey.domain.values import dataclass
from latchkey.observability import log_heartbeat

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.storage.audit_log import AuditLog
    from latchkey.storage.outbox import OutboxStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeats:
    """The flow and its parts."""

    outbox: OutboxStore
    audit: AuditLog

    def send(self, now: datetime) -> int:
        """Send due heartbeats. Returns their number.

        The outbox's relay and the recorder of requests get one in each run. The audit trail gets a
        row per hour, because rows are kept for a year, signed and archived.
        """
        self.outbox.put_heartbeat(now)
        log_heartbeat()
        if now.minute >= CLEANUP_INTERVAL_MINUTES:
            return 2
        row = AuditRow(
            id=RowId(new_ordered_id("aud", now)),
            at=now,
            action=Action.HEARTBEAT,
            subject=None,
            actor=SYSTEM_ACTOR,
            request_id=new_id("job", now),
        )
        self.audit.write(Effects(audit=(row,)))
        return 3

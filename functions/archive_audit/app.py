"""Archives the blocks of the audit trail to S3, and compares rows with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.domain.clock import to_milliseconds
from latchkey.domain.limits import AUDIT_ARCHIVE_LATE_SECONDS
from latchkey.events.handlers import event_handler
from latchkey.observability import logger, record_findings, report_foreign_items
from latchkey.wiring.audit import audit_archive
from latchkey.wiring.storage import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from latchkey.domain.clock import Clock
    from latchkey.events import Event
    from latchkey.flows.audit_archive import AuditArchive


class ArchiveIncomplete(Exception):
    """Blocks wait for too long, or a chain can't be archived. Starts ArchiveAuditAlarm."""


@event_handler(needs=(audit_archive, clock), timed=True)
def handler(
    event: Event, flow: AuditArchive, clock: Clock, remaining: Callable[[], float]
) -> dict[str, Any]:
    """Archive the blocks since the last run, and log the rows that differ from the chain."""
    del event
    now = clock.now()
    archived = flow.archive(now, remaining)
    if archived.changed:
        logger.error(
            "audit rows differ from the chain", operation="archive_audit", rows=archived.changed
        )
        record_findings(len(archived.changed))
    report_foreign_items(archived.foreign, operation="archive_audit")
    waiting = archived.waiting_since
    late = 0 if waiting is None else (to_milliseconds(now) - waiting) // 1000
    logger.info(
        "archived",
        operation="archive_audit",
        rows=archived.rows,
        wrong=len(archived.changed),
        waiting_seconds=late,
    )
    if archived.foreign or late > AUDIT_ARCHIVE_LATE_SECONDS:
        raise ArchiveIncomplete(late, len(archived.foreign))
    return {"rows": archived.rows, "wrong": archived.changed}

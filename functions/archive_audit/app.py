"""Archives the audit trail to S3 before its rows expire in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.events.handlers import event_handler
from latchkey.observability import logger, record_findings
from latchkey.wiring.audit import audit_chain
from latchkey.wiring.storage import clock

if TYPE_CHECKING:
    from latchkey.domain.clock import Clock
    from latchkey.events import Event
    from latchkey.flows.audit_chain import AuditChain


@event_handler(needs=(audit_chain, clock))
def handler(event: Event, flow: AuditChain, clock: Clock) -> dict[str, Any]:
    """Archive the rows since the last run, and log the rows that differ from the chain."""
    del event
    rows, wrong = flow.archive(clock.now())
    if wrong:
        logger.error("audit rows differ from the chain", operation="archive_audit", rows=wrong)
        record_findings(len(wrong))
    logger.info("archived", operation="archive_audit", rows=rows, wrong=len(wrong))
    return {"rows": rows, "wrong": wrong}

"""Archives the audit trail to S3 before its rows expire in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.bootstrap import audit_chain, services
from latchkey.observability import logger, record_findings

if TYPE_CHECKING:
    from latchkey.http.request import Event


def handler(event: Event, lambda_context: Any = None) -> dict[str, Any]:
    """Archive the rows since the last run, and log the rows that differ from the chain."""
    del event, lambda_context
    rows, wrong = audit_chain().archive(services().clock.now())
    if wrong:
        logger.error("audit rows differ from the chain", operation="archive_audit", rows=wrong)
        record_findings(len(wrong))
    logger.info("archived", operation="archive_audit", rows=rows, wrong=len(wrong))
    return {"rows": rows, "wrong": wrong}

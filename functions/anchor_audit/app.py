"""Creates the audit key at deployment, and anchors the audit trail on a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.events.custom_resource import custom_resource
from latchkey.events.handlers import event_handler
from latchkey.observability import logger, report_foreign_items
from latchkey.wiring.audit import audit_anchors, audit_key
from latchkey.wiring.storage import clock

if TYPE_CHECKING:
    from latchkey.domain.clock import Clock
    from latchkey.events import Event
    from latchkey.flows.audit_archive import AuditAnchors
    from latchkey.storage.audit_keys import AuditKey


@custom_resource
@event_handler(needs=(audit_anchors, audit_key, clock))
def handler(event: Event, flow: AuditAnchors, key: AuditKey, clock: Clock) -> dict[str, Any]:
    """Handle a CloudFormation custom resource, a schedule, or a manual invocation."""
    if event.get("RequestType") in {"Create", "Update"}:
        key.ensure()
        return {}
    if event.get("RequestType") == "Delete":
        return {}
    anchor, foreign = flow.anchor(clock.now())
    heads = {} if anchor is None else {str(head.chain): head.last for head in anchor.heads}
    logger.info("anchored", operation="anchor_audit", heads=heads)
    if foreign:
        report_foreign_items(foreign, operation="anchor_audit")
        raise foreign[0]
    return {"heads": heads}

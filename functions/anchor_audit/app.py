"""Creates the audit key at deployment, and anchors the audit trail on a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.bootstrap import audit_chain, audit_key, services
from latchkey.http.custom_resource import answering
from latchkey.observability import logger

if TYPE_CHECKING:
    from latchkey.http.request import Event


@answering
def handler(event: Event, lambda_context: Any = None) -> dict[str, Any]:
    """Handle a CloudFormation custom resource, a schedule, or a manual invocation."""
    del lambda_context
    if event.get("RequestType") in {"Create", "Update"}:
        audit_key().ensure()
        return {}
    if event.get("RequestType") == "Delete":
        return {}
    anchor = audit_chain().anchor(services().clock.now())
    heads = {} if anchor is None else {str(head.chain): head.last for head in anchor.heads}
    logger.info("anchored", operation="anchor_audit", heads=heads)
    return {"heads": heads}

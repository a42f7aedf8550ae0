"""Chains new rows of the audit trail, from the stream of its table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.events.audit_feeds import chain_stream_records
from latchkey.events.handlers import event_handler
from latchkey.wiring.audit import audit_chain
from latchkey.wiring.storage import clock

if TYPE_CHECKING:
    from latchkey.domain.clock import Clock
    from latchkey.events import Event
    from latchkey.flows.audit_chain import AuditChain


@event_handler(needs=(audit_chain, clock))
def handler(event: Event, flow: AuditChain, clock: Clock) -> dict[str, Any]:
    """Chain a batch. Raises if that fails, so that the stream delivers it again.

    In a tumbling window Lambda requires a state in the answer. Nothing reads it.
    """
    return {"state": chain_stream_records(event, flow, clock.now())}

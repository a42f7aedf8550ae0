"""Adds requests to the audit trail, from the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.events.audit_feeds import record_request_lines
from latchkey.events.handlers import event_handler
from latchkey.wiring.audit import request_trail
from latchkey.wiring.storage import clock

if TYPE_CHECKING:
    from latchkey.domain.clock import Clock
    from latchkey.events import Event
    from latchkey.flows.request_trail import RequestTrail


@event_handler(needs=(request_trail, clock))
def handler(event: Event, flow: RequestTrail, clock: Clock) -> dict[str, int]:
    """Record a batch of log lines. Raises if that fails, so that it is delivered again."""
    return record_request_lines(event, flow, clock.now())

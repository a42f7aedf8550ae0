"""Sends new outbox messages from the table's stream to their queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.events.handlers import event_handler
from latchkey.events.outbox_stream import relay_stream_records
from latchkey.wiring.mail import outbox_relay

if TYPE_CHECKING:
    from latchkey.events import Event
    from latchkey.flows.outbox import OutboxRelay


@event_handler(needs=outbox_relay)
def handler(event: Event, relay: OutboxRelay) -> Event:
    """Send a batch of stream records. Returns the failed ones, to be delivered again."""
    return relay_stream_records(event, relay)

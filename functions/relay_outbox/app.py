"""Relays new messages of the outbox from the table's stream to their queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.http.workers import relay_stream_records

if TYPE_CHECKING:
    from latchkey.http.request import Event


def handler(event: Event, lambda_context: Any = None) -> Event:
    """Relay a batch of stream records; those that could not be sent come again."""
    del lambda_context
    return relay_stream_records(event)

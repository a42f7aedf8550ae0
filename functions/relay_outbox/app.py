"""Sends new outbox messages from the table's stream to their queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.http.workers import relay_stream_records

if TYPE_CHECKING:
    from latchkey.http.request import Event


def handler(event: Event, lambda_context: Any = None) -> Event:
    """Send a batch of stream records. Returns the failed ones, to be delivered again."""
    del lambda_context
    return relay_stream_records(event)

"""New outbox messages from the table's stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.observability import logger
from latchkey.storage.keys import HEARTBEATS, outbox_message
from latchkey.storage.table import Key

if TYPE_CHECKING:
    from latchkey.events import Event
    from latchkey.flows.outbox import OutboxRelay


def relay_stream_records(event: Event, relay: OutboxRelay) -> Event:
    """Relay a batch of the table's stream, filtered to new messages.

    Raises RuntimeError if nothing could be sent: the whole batch is then delivered again.
    """
    sequence_numbers: dict[str, str] = {}
    messages = []
    for record in event["Records"]:
        pk, sk = (record["dynamodb"]["Keys"][name]["S"] for name in ("pk", "sk"))
        if pk == HEARTBEATS:
            continue
        queue, message_id = outbox_message(Key(pk, sk))
        messages.append((queue, message_id))
        sequence_numbers[message_id] = record["dynamodb"]["SequenceNumber"]
    failed = relay.relay(messages)
    logger.info(
        "relayed",
        operation="relay_outbox",
        messages=len(messages) - len(failed),
        failed=len(failed),
    )
    if failed and len(failed) == len(messages):
        msg = "no message could be relayed"
        raise RuntimeError(msg)
    return {
        "batchItemFailures": [
            {"itemIdentifier": sequence_numbers[message_id]} for message_id in sorted(failed)
        ]
    }

"""The way from a transaction to its background work, in one process.

The table's stream, the queues and their event sources: as AWS has them, with the template's own
mapping of queues to functions, and duplicates on request.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from latchkey.domain.effects import Queue
from latchkey.storage.keys import OUTBOX_PREFIX
from tools import template

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from latchkey.storage.memory import MemoryTable


class MemoryQueues:
    """SQS as the relay sees it; `refuses` names the queues that are down."""

    def __init__(self) -> None:
        self.sent: dict[Queue, list[str]] = defaultdict(list)
        self.refuses: set[Queue] = set()
        self.delayed: dict[Queue, list[str]] = defaultdict(list)
        self.delays: list[timedelta] = []

    def send(
        self, queue: Queue, message_ids: Sequence[str], *, delay: timedelta = timedelta()
    ) -> set[str]:
        if queue in self.refuses:
            return set(message_ids)
        place = self.delayed if delay else self.sent
        place[queue] += message_ids
        self.delays += [delay] if delay else []
        return set()


class OutboxPump:
    """Carries messages from the table in memory to the handlers of their workers."""

    def __init__(
        self, table: Any, queues: MemoryQueues, handler: Callable[[str], Callable[..., Any]]
    ) -> None:
        self._table: MemoryTable = table
        self._queues = queues
        self._handler = handler

    def run(self, *, copies: int = 1) -> list[str]:
        """Relay and deliver until nothing new appears. Returns the rest."""
        seen: set[str] = set()
        failed: list[str] = []
        while records := [r for r in self.stream_records() if r["eventID"] not in seen]:
            seen |= {record["eventID"] for record in records}
            self._handler("relay_outbox")({"Records": records}, None)
            failed += self.deliver(copies=copies)
        return failed

    def deliver(self, *, copies: int = 1) -> list[str]:
        """Hand what is in the queues to the workers; a queue that has none keeps its messages."""
        failed = []
        for queue, function in _workers().items():
            message_ids, self._queues.sent[queue] = self._queues.sent[queue], []
            for message_id in [m for m in message_ids for _ in range(copies)]:
                event = {"Records": [sqs_record(message_id)]}
                answer = self._handler(function)(event, Invocation())
                failed += [entry["itemIdentifier"] for entry in answer["batchItemFailures"]]
        return failed

    def stream_records(self) -> list[dict[str, Any]]:
        """One INSERT for each message that waits, as they were written, with keys only."""
        waiting = [i for i in self._table.all_items() if str(i["pk"]).startswith(OUTBOX_PREFIX)]
        return [
            {
                "eventID": item["sk"],
                "eventName": "INSERT",
                "dynamodb": {
                    "Keys": {"pk": {"S": item["pk"]}, "sk": {"S": item["sk"]}},
                    "SequenceNumber": f"{number:021d}",
                },
            }
            for number, item in enumerate(waiting)
        ]


class Invocation:
    """A Lambda context: whose time there is plenty of, unless a test says otherwise."""

    def __init__(self, seconds: float = 120) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def sqs_record(message_id: str) -> dict[str, Any]:
    """A delivery, as the event source of SQS makes it."""
    return {
        "messageId": message_id,
        "body": json.dumps({"message_id": message_id}),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
    }


def _workers() -> dict[Queue, str]:
    """Which function works on which queue: MailQueue is that of Queue.MAIL."""
    found = {}
    for properties in template.functions().values():
        for event in properties.get("Events", {}).values():
            queue = event["Properties"].get("Queue") if event["Type"] == "SQS" else None
            logical_id = queue["Fn::GetAtt"].split(".")[0] if queue else ""
            if logical_id.endswith("Queue"):
                queue = Queue(logical_id.removesuffix("Queue").lower())
                found[queue] = template.folder(properties)
    return found

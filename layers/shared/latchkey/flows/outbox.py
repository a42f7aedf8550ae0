"""Relaying: from the outbox to the queues, at least once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from latchkey.observability import logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from latchkey.domain.effects import Queue
    from latchkey.storage.outbox import OutboxStore


class QueueSender(Protocol):
    """What the relay needs of the queues."""

    def send(self, queue: Queue, message_ids: Sequence[str], *, delay: timedelta = ...) -> set[str]:
        """Send messages; return those that were not accepted. Raises KeyError: no such queue."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRelay:
    """The flows, and what they need."""

    outbox: OutboxStore
    queues: QueueSender

    def relay(self, messages: Iterable[tuple[Queue, str]]) -> set[str]:
        """Send messages to their queues; return the ids of those worth another try.

        A message for a queue that this deployment does not have is no reason to hold up those
        behind it: it stays in the outbox, and `relay_overdue` comes back to it.
        """
        by_queue: dict[Queue, list[str]] = defaultdict(list)
        for queue, message_id in messages:
            by_queue[queue].append(message_id)
        failed: set[str] = set()
        for queue, message_ids in by_queue.items():
            try:
                failed |= self.queues.send(queue, message_ids)
            except KeyError:
                logger.error("no such queue", queue=queue.value, message_ids=message_ids)
        return failed

    def relay_overdue(self, now: datetime) -> int:
        """Send what should have been worked on by now once more; return how many were sent.

        For the schedule that cleans up: this is what makes the promise of the outbox good when a
        stream record was lost, or when every delivery of a message fell into one long outage.
        """
        overdue = list(self.outbox.list_overdue(now))
        return len(overdue) - len(self.relay(overdue))

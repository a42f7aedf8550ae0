"""Relays outbox messages to the queues, at least once."""

from __future__ import annotations

from collections import defaultdict
from operator import itemgetter
from typing import TYPE_CHECKING, Protocol

from latchkey.domain.values import dataclass
from latchkey.observability import logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from latchkey.domain.effects import Queue
    from latchkey.storage.outbox import OutboxStore


class QueueSender(Protocol):
    """The interface of the queues."""

    def send(self, queue: Queue, message_ids: Sequence[str], *, delay: timedelta = ...) -> set[str]:
        """Send messages. Returns the rejected ones. Raises KeyError for an unknown queue."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRelay:
    """The flow and its parts."""

    outbox: OutboxStore
    queues: QueueSender

    def relay(self, messages: Iterable[tuple[Queue, str]]) -> set[str]:
        """Send messages to their queues. Returns the ids of those to retry.

        A message for an unknown queue does not block the others: it stays in the outbox, and
        `relay_overdue` retries it.
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
        """Send overdue messages again, oldest first. Returns their number.

        For the schedule: this covers lost stream records, and messages whose deliveries all failed
        in a long outage.
        """
        # Ids sort by time.
        overdue = sorted(self.outbox.list_overdue(now), key=itemgetter(1))
        return len(overdue) - len(self.relay(overdue))

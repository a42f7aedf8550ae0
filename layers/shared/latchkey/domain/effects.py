"""What a change must commit in its own transaction.

Every store method that changes something takes Effects. A change without its audit row is
impossible, and its emails and jobs can't be lost.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass, field

if TYPE_CHECKING:
    from datetime import timedelta

    from latchkey.domain.audit import AuditRow
    from latchkey.domain.ids import MessageId


class Queue(StrEnum):
    """The queue of a message. Values are stored."""

    MAIL = "mail"
    EXPORT = "export"
    PURGE = "purge"


class Postponed(Exception):
    """A message can't be processed yet, and neither can the rest of its queue.

    This is not a failure: the message waits and keeps its attempts.

    delay  minimum wait
    """

    def __init__(self, delay: timedelta) -> None:
        """Store the delay."""
        super().__init__()
        self.delay = delay


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """Background work of a change: written with the change, relayed to a queue from the stream.

    It stays in the table until a worker has finished it. The queue has only its id.

    id       `context.new_id("out")`: the key follows from it
    body     plain JSON. Never a secret: a single-use token is named by its id and computed when the
             mail is written (`security.single_use_tokens`)
    attempt  how often a worker has claimed it: 1 the first time
    """

    id: MessageId
    queue: Queue
    body: dict[str, str | int | bool | None] = field(default_factory=dict)
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """The audit rows and the outbox messages of one change."""

    audit: tuple[AuditRow, ...] = ()
    outbox: tuple[OutboxMessage, ...] = ()

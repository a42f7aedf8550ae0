"""What must commit together with a change, or not at all.

Every store method that changes something takes one, so that a change without its audit row can't
be written, and a mail or a job that belongs to it can't be lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

    from latchkey.domain.audit import AuditRow


class Queue(StrEnum):
    """Where a message goes. Values are stored."""

    MAIL = "mail"
    EXPORT = "export"
    PURGE = "purge"


class Postponed(Exception):
    """Work can't be done before some time has passed, and neither can the rest of its queue's.

    It is no failure: the message waits and keeps its attempts.

    delay  for how long at least
    """

    def __init__(self, delay: timedelta) -> None:
        """Carry the delay."""
        super().__init__()
        self.delay = delay


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """Work that follows from a change: written with it, relayed to a queue from the table's stream.

    It stays in the table until a worker has done it, and the queue carries no more than its id.

    id       `context.new_id("out")`: the key follows from it
    body     plain JSON. Never a secret: a single-use token is named by its id and computed when the
             mail is written (`security.single_use_tokens`)
    attempt  how often a worker has claimed it: 1 the first time
    """

    id: str
    queue: Queue
    body: dict[str, str | int | bool | None] = field(default_factory=dict)
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """The audit rows of one change, and the messages that follow from it."""

    audit: tuple[AuditRow, ...] = ()
    outbox: tuple[OutboxMessage, ...] = ()

"""Sends emails, from the messages of MailQueue."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.effects import Queue
from latchkey.events.workers import worker
from latchkey.wiring.mail import mailing
from latchkey.wiring.storage import clock

if TYPE_CHECKING:
    from latchkey.domain.clock import Clock
    from latchkey.domain.effects import OutboxMessage
    from latchkey.flows.mailing import Mailing


@worker(queue=Queue.MAIL, lease=timedelta(seconds=60), needs=(mailing, clock))
def handler(message: OutboxMessage, flow: Mailing, clock: Clock) -> None:
    """Render one email and send it."""
    flow.send(message, clock.now())

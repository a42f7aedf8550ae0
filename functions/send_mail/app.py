"""Sends emails, from the messages of MailQueue."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.bootstrap import mailing, services
from latchkey.domain.effects import Queue
from latchkey.http.workers import worker

if TYPE_CHECKING:
    from latchkey.domain.effects import OutboxMessage
    from latchkey.flows.mailing import Mailing


@worker(queue=Queue.MAIL, lease=timedelta(seconds=60), needs=mailing)
def handler(message: OutboxMessage, flow: Mailing) -> None:
    """Render one email and send it."""
    flow.send(message, services().clock.now())

"""Erases accounts, from the messages of PurgeQueue."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.bootstrap import erasure, services
from latchkey.domain.effects import Queue
from latchkey.domain.limits import ERASURE_LEASE_SECONDS
from latchkey.http.workers import worker

if TYPE_CHECKING:
    from latchkey.domain.effects import OutboxMessage
    from latchkey.flows.erasure import Erasure


@worker(queue=Queue.PURGE, lease=timedelta(seconds=ERASURE_LEASE_SECONDS), needs=erasure)
def handler(message: OutboxMessage, flow: Erasure) -> None:
    """Erase one account, starting at the step that the last invocation reached."""
    flow.erase(str(message.body["account_id"]), services().clock.now())

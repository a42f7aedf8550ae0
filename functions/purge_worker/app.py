"""Erases accounts, from the messages of PurgeQueue."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.effects import Queue
from latchkey.domain.ids import AccountId
from latchkey.domain.limits import ERASURE_LEASE_SECONDS
from latchkey.events.workers import worker
from latchkey.wiring.storage import clock
from latchkey.wiring.upkeep import erasure

if TYPE_CHECKING:
    from latchkey.domain.clock import Clock
    from latchkey.domain.effects import OutboxMessage
    from latchkey.flows.erasure import Erasure


@worker(queue=Queue.PURGE, lease=timedelta(seconds=ERASURE_LEASE_SECONDS), needs=(erasure, clock))
def handler(message: OutboxMessage, flow: Erasure, clock: Clock) -> None:
    """Erase one account, starting at the step that the last invocation reached."""
    flow.erase(AccountId(str(message.body["account_id"])), clock.now())

"""Runs the scheduled tasks. Each has its own metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.events.handlers import event_handler
from latchkey.wiring.storage import clock
from latchkey.wiring.upkeep import cleanup

if TYPE_CHECKING:
    from latchkey.domain.clock import Clock
    from latchkey.events import Event
    from latchkey.flows.cleanup import Cleanup


@event_handler(needs=(cleanup, clock))
def handler(event: Event, flow: Cleanup, clock: Clock) -> dict[str, int | None]:
    """Run every task that is due, or one by hand: `{"task": "redrive_exports"}`.

    Returns the result of each task. Null: it failed, or another invocation is running it.
    """
    return flow.run(clock.now(), only=event.get("task"))

"""Deletes pictures that no account uses, such as those that a crash left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.events.handlers import event_handler
from latchkey.observability import logger, record_task
from latchkey.wiring.storage import clock
from latchkey.wiring.users import avatars

if TYPE_CHECKING:
    from latchkey.domain.clock import Clock
    from latchkey.events import Event
    from latchkey.flows.avatars import Avatars


@event_handler(needs=(avatars, clock))
def handler(event: Event, flow: Avatars, clock: Clock) -> dict[str, int]:
    """Run for the schedule or by hand. Runs may overlap."""
    del event
    try:
        deleted = flow.sweep(clock.now())
    except Exception:
        record_task("sweep_avatars", failed=True)
        raise
    logger.info("task", task="sweep_avatars", done=deleted)
    record_task("sweep_avatars")
    return {"deleted": deleted}

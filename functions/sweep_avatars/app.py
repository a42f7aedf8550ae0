"""Deletes pictures that no account uses, such as those that a crash left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.bootstrap import avatars, services
from latchkey.observability import logger, record_task

if TYPE_CHECKING:
    from latchkey.http.request import Event


def handler(event: Event, lambda_context: Any = None) -> dict[str, int]:
    """Run for the schedule or by hand. Runs may overlap."""
    del event, lambda_context
    try:
        deleted = avatars().sweep(services().clock.now())
    except Exception:
        record_task("sweep_avatars", failed=True)
        raise
    logger.info("task", task="sweep_avatars", done=deleted)
    record_task("sweep_avatars")
    return {"deleted": deleted}

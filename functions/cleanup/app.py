"""Runs the scheduled tasks. Each has its own metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.bootstrap import cleanup, services

if TYPE_CHECKING:
    from latchkey.http.request import Event


def handler(event: Event, lambda_context: Any = None) -> dict[str, int | None]:
    """Run every task that is due, or one by hand: `{"task": "redrive_exports"}`.

    Returns the result of each task. Null: it failed, or another invocation is running it.
    """
    del lambda_context
    return cleanup().run(services().clock.now(), only=event.get("task"))

"""Tidies up on a schedule: every task of the list, each with a metric of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.bootstrap import cleanup, services

if TYPE_CHECKING:
    from latchkey.http.request import Event


def handler(event: Event, lambda_context: Any = None) -> dict[str, int | None]:
    """Run every task that is due; or one by hand, with `{"task": "redrive_exports"}`.

    Answers what each task got done; null for one that another run is at, or that failed.
    """
    del lambda_context
    return cleanup().run(services().clock.now(), only=event.get("task"))

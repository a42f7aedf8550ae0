"""Builds exports. One message is one invocation, which works as long as its time allows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.effects import Queue
from latchkey.domain.limits import EXPORT_WORKER_LEASE_SECONDS
from latchkey.events.workers import worker
from latchkey.flows.export_worker import Work
from latchkey.wiring.exports import export_worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from latchkey.domain.effects import OutboxMessage
    from latchkey.flows.export_worker import ExportWorker


@worker(
    queue=Queue.EXPORT,
    lease=timedelta(seconds=EXPORT_WORKER_LEASE_SECONDS),
    needs=export_worker,
    timed=True,
)
def handler(message: OutboxMessage, flow: ExportWorker, seconds_left: Callable[[], float]) -> None:
    """Finish an export, or continue it in another message."""
    flow.work(Work(message=message, seconds_left=seconds_left))

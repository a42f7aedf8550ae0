"""Marks exports as failed after their messages could not be processed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.effects import Queue
from latchkey.events.workers import worker
from latchkey.wiring.exports import export_worker

if TYPE_CHECKING:
    from latchkey.domain.effects import OutboxMessage
    from latchkey.flows.export_worker import ExportWorker


@worker(queue=Queue.EXPORT, lease=timedelta(seconds=30), needs=export_worker)
def handler(message: OutboxMessage, flow: ExportWorker) -> None:
    """Mark the export of a dead letter as failed, with a reason for its owner."""
    flow.dead_letter(message)

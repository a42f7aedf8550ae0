"""Gives up the exports that no delivery could finish, so that their owners see it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.bootstrap import export_worker
from latchkey.domain.effects import Queue
from latchkey.http.workers import worker

if TYPE_CHECKING:
    from latchkey.domain.effects import OutboxMessage
    from latchkey.flows.export_worker import ExportWorker


@worker(queue=Queue.EXPORT, lease=timedelta(seconds=30), needs=export_worker)
def handler(message: OutboxMessage, flow: ExportWorker) -> None:
    """Mark a dead letter's export as failed, with a reason that its owner can use."""
    flow.dead_letter(message)

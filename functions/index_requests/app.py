"""Indexes packed requests by subject, for searches and exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.limits import AUDIT_INDEX_LATE_SECONDS
from latchkey.events.handlers import event_handler
from latchkey.observability import logger, record_task, units
from latchkey.wiring.audit import request_indexer

if TYPE_CHECKING:
    from collections.abc import Callable

    from latchkey.events import Event
    from latchkey.flows.request_indexing import RequestIndexer


@event_handler(needs=request_indexer, timed=True)
def handler(event: Event, flow: RequestIndexer, remaining: Callable[[], float]) -> dict[str, int]:
    """Index what is complete, and merge files of the index."""
    del event
    units.reset()
    done = flow.run(remaining)
    logger.info(
        "indexed",
        operation="index_requests",
        slices=done.slices,
        merges=done.merges,
        delay_seconds=done.delay_seconds,
        read_units=units.read,
        write_units=units.write,
    )
    record_task("index_requests", failed=done.delay_seconds > AUDIT_INDEX_LATE_SECONDS)
    return {
        "slices": done.slices,
        "merges": done.merges,
        "delay_seconds": done.delay_seconds,
    }

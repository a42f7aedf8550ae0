"""Runs the worker of an erasure in a process that can be killed after each step.

The real handler, wired as in production, on an emulator; as `tests/support/export_process.py`.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import sys
from datetime import timedelta

from functions.purge_worker.app import handler
from latchkey import wiring
from latchkey.wiring import Services, storage
from latchkey.wiring.upkeep import erasure
from tests.support.export_process import NOT_DONE, Killer, ShiftedClock
from tests.support.outbox import Invocation, sqs_record

STEPS = (
    "start",
    "claim",
    "count",
    "remove",
    "erase_items",
    "erase_tokens",
    "erase_messages",
    "sign",
    "finish",
)
"""Every step of `Erasure`, in the order of an erasure. `start` is before the first step."""


def deliver(
    environment: dict[str, str],
    message_id: str,
    *,
    kill_at: str | None = None,
    nth: int = 1,
    shift: timedelta = timedelta(0),
) -> int:
    """Deliver a message to a worker. Returns its exit code: -9 when it was killed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(
        target=_run, args=(environment, message_id, Killer(kill_at, nth), ShiftedClock(shift))
    )
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _run(environment: dict[str, str], message_id: str, killer: Killer, clock: ShiftedClock) -> None:
    os.environ.update(environment)
    services = Services(replacements={storage.clock: clock})
    services[erasure] = dataclasses.replace(services[erasure], run=killer.run)
    wiring.use(services)
    answer = handler({"Records": [sqs_record(message_id)]}, Invocation())
    sys.exit(NOT_DONE if answer["batchItemFailures"] else 0)

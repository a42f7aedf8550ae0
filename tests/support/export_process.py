"""Runs the export worker in a process that can be killed after each step.

The real handler, wired as in production, on an emulator. The kill comes from outside: the package
has no setting for it.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast, override

from functions.export_worker.app import handler
from latchkey import wiring
from latchkey.domain.clock import SystemClock
from latchkey.wiring import Services, storage
from latchkey.wiring.exports import export_worker
from tests.support.outbox import Invocation, sqs_record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from latchkey.domain.ids import ExportId
    from latchkey.flows.steps import Step
    from latchkey.storage.export_files import ArchiveWriter, ExportFiles

STEPS = (
    "start",
    "claim",
    "read_account",
    "read_rows",
    "stage",
    "checkpoint",
    "hand_over",
    "begin_packing",
    "upload_begun",
    "segment_read",
    "part_uploaded",
    "archive_written",
    "archive_complete",
    "pack",
    "publish",
    "sweep",
)
"""Every step of `ExportWorker`, in about the order of an export, and what happens to the files
between `begin_packing` and `pack`. `start` is before the first step."""

OUT_OF_TIME = ("hand_over",)
SEGMENT_BYTES = 64 * 1024
"""Small, so that a thousand rows give several segments."""

NOT_DONE = 3


class ShiftedClock:
    """The machine's clock plus some time, for a redelivery after the lease."""

    def __init__(self, shift: timedelta) -> None:
        self._shift = shift

    def now(self) -> datetime:
        return SystemClock().now() + self._shift


class Killer:
    """Runs a worker's steps, and kills its own process after a step's n-th run."""

    def __init__(self, step: str | None, nth: int) -> None:
        self._step = step
        self._left = nth

    def run(self, steps: Iterable[Step]) -> None:
        self.passed("start")
        for step in steps:
            more: bool | None = True
            while more:
                more = step.run()
                self.passed(step.name)

    def passed(self, step: str) -> None:
        if step == self._step:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class WatchedFiles:
    """`ExportFiles` that report what happens while an archive is packed."""

    def __init__(self, files: ExportFiles, killer: Killer) -> None:
        self._files = files
        self._passed = killer.passed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)

    def read_staged(self, export_id: ExportId, name: str) -> bytes:
        self._passed("segment_read")
        return self._files.read_staged(export_id, name)

    def write_archive(self, export_id: ExportId) -> ArchiveWriter:
        writer = self._files.write_archive(export_id)
        self._passed("upload_begun")
        add, complete = writer._upload.add, writer.complete

        def add_and_report(part: bytes) -> None:
            add(part)
            self._passed("part_uploaded")

        def complete_and_report() -> tuple[int, str]:
            self._passed("archive_written")
            completed = complete()
            self._passed("archive_complete")
            return completed

        writer._upload.add = add_and_report  # type: ignore[method-assign]
        writer.complete = complete_and_report  # type: ignore[method-assign]
        return writer


class FewLooks(Invocation):
    """Returns remaining time for this many calls, then none."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    @override
    def get_remaining_time_in_millis(self) -> int:
        self._looks -= 1
        return 120_000 if self._looks > 0 else 1_000


def deliver(
    environment: dict[str, str],
    message_id: str,
    *,
    kill_at: str | None = None,
    nth: int = 1,
    shift: timedelta = timedelta(0),
    looks: int | None = None,
) -> int:
    """Deliver a message to a worker. Returns its exit code: -9 when it was killed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(
        target=_run,
        kwargs={
            "environment": environment,
            "message_id": message_id,
            "killer": Killer(kill_at, nth),
            "clock": ShiftedClock(shift),
            "invocation": Invocation() if looks is None else FewLooks(looks),
        },
    )
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _run(
    *,
    environment: dict[str, str],
    message_id: str,
    killer: Killer,
    clock: ShiftedClock,
    invocation: Invocation,
) -> None:
    os.environ.update(environment)
    services = Services(replacements={storage.clock: clock})
    worker = services[export_worker]
    services[export_worker] = dataclasses.replace(
        worker,
        run=killer.run,
        files=cast("ExportFiles", WatchedFiles(worker.files, killer)),
        segment_bytes=SEGMENT_BYTES,
    )
    wiring.use(services)
    answer = handler({"Records": [sqs_record(message_id)]}, invocation)
    sys.exit(NOT_DONE if answer["batchItemFailures"] else 0)

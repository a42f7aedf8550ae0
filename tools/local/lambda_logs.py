"""Shows what the Lambdas log, as it happens, where the developer already looks."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tools.local.emulator import Emulator

POLL_SECONDS = 0.5
FIELDS = ("level", "message", "route", "status", "outcome", "ms", "error", "request_id")
METRIC = "_aws"
PLATFORM_LINES = ("START RequestId", "END RequestId", "REPORT RequestId", "INIT_START")


@contextlib.contextmanager
def following(emulator: Emulator, group: str, show: Callable[[str], None]) -> Iterator[None]:
    """Follow the Lambdas' log group in a thread."""
    stop = threading.Event()
    thread = threading.Thread(
        target=_follow, args=(emulator, group, show, stop), name="logs", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def read(emulator: Emulator, group: str) -> list[str]:
    """Return every line that the Lambdas have logged, without the platform's own."""
    pages = emulator.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return [
        event["message"].rstrip()
        for page in pages
        for event in page["events"]
        if not event["message"].startswith(PLATFORM_LINES)
    ]


def read_all(emulator: Emulator) -> list[str]:
    """Return what any Lambda has logged, for when a deployment failed and named no log group."""
    groups = emulator.client("logs").describe_log_groups()["logGroups"]
    return [line for group in groups for line in read(emulator, group["logGroupName"])]


def _follow(
    emulator: Emulator, group: str, show: Callable[[str], None], stop: threading.Event
) -> None:
    shown = 0
    while not stop.wait(POLL_SECONDS):
        with contextlib.suppress(BotoCoreError, ClientError):  # the emulator is being stopped
            lines = read(emulator, group)
            for line in lines[shown:]:
                if text := _readable(line):
                    show(text)
            shown = len(lines)


def _readable(line: str) -> str | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    if not isinstance(entry, dict):
        return line
    if METRIC in entry:
        return None
    shown = " ".join(str(entry[field]) for field in FIELDS if entry.get(field) is not None)
    return f"{shown}\n{entry['exception']}" if "exception" in entry else shown

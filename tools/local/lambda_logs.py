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
    if not isinstance(entry, dict) or "_aws" in entry:
        return None  # a metric
    return " ".join(
        str(entry.pop(name)) for name in ("level", "message") if name in entry
    ) + "".join(f" {name}={value}" for name, value in entry.items() if name in SHOWN_FIELDS)


SHOWN_FIELDS = frozenset(
    {"operation", "function_name", "status", "code", "request_id", "exception", "duration_ms"}
)

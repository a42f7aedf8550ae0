"""Prints the logs of the Lambdas."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tools.local.emulator import Emulator

type Identity = tuple[str, int, str]

POLL_SECONDS = 0.5
FIELDS = ("level", "message", "route", "status", "outcome", "ms", "error", "request_id")
METRIC = "_aws"
EVENTS_OF_A_PAGE = 10_000
LATE_MILLISECONDS = 10_000
"""An event may arrive after newer ones: each Lambda sends its lines at its end."""
PLATFORM_LINES = ("START RequestId", "END RequestId", "REPORT RequestId", "INIT_START")


@contextlib.contextmanager
def following(emulator: Emulator, group: str, show: Callable[[str], None]) -> Iterator[None]:
    """Follow the log group of the Lambdas in a thread."""
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


def events(
    emulator: Emulator, group: str, *, since: int = 0, containing: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield a log group's events from a time on (in milliseconds), oldest first.

    The emulator's FilterLogEvents ends after 10,000 events without a token for more, so
    each further page begins at the last event's time.
    """
    logs, seen = emulator.client("logs"), set[Identity]()
    while True:
        page = logs.filter_log_events(
            logGroupName=group,
            startTime=since,
            **({"filterPattern": f'"{containing}"'} if containing else {}),
        )["events"]
        new = [event for event in page if _identity(event) not in seen]
        yield from new
        if not new or len(page) < EVENTS_OF_A_PAGE:
            return
        since = page[-1]["timestamp"]
        seen = {_identity(event) for event in page if event["timestamp"] == since}


def _identity(event: dict[str, Any]) -> Identity:
    # The emulator sets no ids for events of its Lambdas.
    return event["logStreamName"], event["timestamp"], event["message"]


def read(emulator: Emulator, group: str, containing: str = "") -> list[str]:
    """Return every line of the Lambdas, without those of the platform."""
    return [
        event["message"].rstrip()
        for event in events(emulator, group, containing=containing)
        if not event["message"].startswith(PLATFORM_LINES)
    ]


def read_all(emulator: Emulator) -> list[str]:
    """Return all lines of all Lambdas, for a failed deployment without a log group."""
    groups = emulator.client("logs").describe_log_groups()["logGroups"]
    return [line for group in groups for line in read(emulator, group["logGroupName"])]


def _follow(
    emulator: Emulator, group: str, show: Callable[[str], None], stop: threading.Event
) -> None:
    since, seen = 0, set[Identity]()
    while not stop.wait(POLL_SECONDS):
        with contextlib.suppress(BotoCoreError, ClientError):  # the emulator is stopping
            recent = list(events(emulator, group, since=since))
            for event in recent:
                message = event["message"].rstrip()
                if _identity(event) in seen or message.startswith(PLATFORM_LINES):
                    continue
                if text := _readable(message):
                    show(text)
            if recent:
                since = max(0, recent[-1]["timestamp"] - LATE_MILLISECONDS)
            seen = {_identity(event) for event in recent if event["timestamp"] >= since}


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
    for error in entry.get("exceptions", []):
        where = "".join(f"\n    {place}" for place in error["where"])
        shown += f"\n  {error['name']} {error.get('code') or ''}{where}"
    return shown

"""Time: aware UTC in whole milliseconds, as storage has it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Protocol

FIRST_YEAR, LAST_YEAR = 2000, 9000
"""Years that identifiers and the calendar support in any time zone."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


class Clock(Protocol):
    """The source of time. Tests use a manual one."""

    def now(self) -> datetime:
        """Return the current time."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the current time in UTC, in whole milliseconds."""
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


def parse_time(text: str) -> datetime:
    """Parse a time with its zone into UTC. A leap second is refused.

    Raises ValueError for formats that RFC 3339 does not allow, such as week dates, and for years
    outside FIRST_YEAR and LAST_YEAR. Source: RFC 3339 5.6.
    """
    if _RFC_3339.fullmatch(text) is None:
        raise ValueError(text)
    instant = datetime.fromisoformat(text.upper())
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise ValueError(text)
    return instant.astimezone(UTC)


def to_milliseconds(instant: datetime) -> int:
    """Return an instant as epoch milliseconds."""
    return (instant - _EPOCH) // _MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """Return the instant of epoch milliseconds."""
    return _EPOCH + timedelta(milliseconds=milliseconds)

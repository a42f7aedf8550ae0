"""Time: aware UTC, cut to whole milliseconds, which is what storage keeps."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Protocol

FIRST_YEAR, LAST_YEAR = 2000, 9000
"""What identifiers and the calendar can hold in any zone."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


class Clock(Protocol):
    """Where the time comes from; tests pass one that they turn by hand."""

    def now(self) -> datetime:
        """Return the present instant."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC, in whole milliseconds."""
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


def parse_time(text: str) -> datetime:
    """Read a time with its zone into UTC; a leap second is not one.

    Raises ValueError for what RFC 3339 does not allow, such as a week date, and for years that are
    not between FIRST_YEAR and LAST_YEAR. Source: RFC 3339 5.6.
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

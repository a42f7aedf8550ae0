"""Time: aware UTC, cut to whole milliseconds, which is what storage keeps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


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


def to_milliseconds(instant: datetime) -> int:
    """Write an instant as epoch milliseconds."""
    return int(instant.timestamp() * 1000)

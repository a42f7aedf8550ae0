"""A manual clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class ManualClock:
    """A clock that only moves when a test advances it."""

    def __init__(self) -> None:
        """Start at a fixed instant."""
        self._now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the present instant."""
        return self._now

    def advance(self, **duration: float) -> None:
        """Let time pass: `advance(minutes=5)`."""
        self._now += timedelta(**duration)

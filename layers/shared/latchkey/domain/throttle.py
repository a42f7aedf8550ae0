"""Limits on attempts: so many in a window, or longer and longer waits, never a lock.

The numbers are in `domain.limits`; `flows.throttling` counts, before anything expensive is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """At most `amount` in each window of the clock; over a window's edge, at most twice as many.

    name  public: it is in the `RateLimit` header, in the keys of storage and in the log
    """

    name: str
    amount: int
    window_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Mails of one kind to one mailbox, in each hour and each day of the clock.

    steady  one mail an hour still goes out when the day's number is used up. A link or code in such
            a mail is good for an hour, so its owner always has one that works, or can ask for one,
            however many others were asked for by strangers.
    """

    per_hour: int
    per_day: int
    steady: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Attempts that must wait longer and longer, until one of them succeeds.

    name                public, as a quota's
    free                the first attempts wait for nothing
    first_wait_seconds  what follows the last free one; each further attempt doubles it
    longest_wait_seconds  where the doubling stops
    remembered_seconds  after the end of a wait, failures are forgotten when nothing else happens
    """

    name: str
    free: int
    first_wait_seconds: int
    longest_wait_seconds: int
    remembered_seconds: int

    def wait_after(self, attempts: int) -> timedelta:
        """Return how long the next attempt must wait when there have been so many."""
        if attempts < self.free:
            return timedelta()
        doublings = min(attempts - self.free, 32)  # 2^32 s is longer than any wait
        return timedelta(
            seconds=min(self.first_wait_seconds << doublings, self.longest_wait_seconds)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """What is remembered of one subject's attempts: none of them is known to have succeeded."""

    count: int = 0
    opens_at: datetime | None = None

    def wait(self, now: datetime) -> timedelta:
        """Return how long the next one must wait."""
        return max(timedelta(), self.opens_at - now) if self.opens_at else timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a client stands with one limit.

    remaining      requests that would still be let through
    reset_seconds  when there will be more, at the latest
    """

    limit: Quota | Backoff
    remaining: int
    reset_seconds: int

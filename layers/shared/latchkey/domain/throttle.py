"""Rate limits: a number of attempts per window, or increasing waits. There are no lockouts.

The numbers are in `domain.limits`. `flows.throttling` counts attempts before expensive work.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """At most `amount` per clock window. A period across two windows can have twice as many.

    name  public: used in the `RateLimit` header, in storage keys and in the log
    """

    name: str
    amount: int
    window_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Emails of one kind to one mailbox, per hour and per day of the clock.

    steady  whether one email per hour is still sent when the daily number is used up. Its link or
            code is valid for an hour, so the owner always has a working one or can request it, no
            matter how many emails others requested.
    """

    per_hour: int
    per_day: int
    steady: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Attempts with increasing waits until one succeeds.

    name                public, as a quota's
    free                attempts without a wait
    first_wait_seconds  the wait after the last free attempt; each further attempt doubles it
    longest_wait_seconds  the maximum wait
    remembered_seconds    failures are forgotten this long after the end of the last wait
    """

    name: str
    free: int
    first_wait_seconds: int
    longest_wait_seconds: int
    remembered_seconds: int

    def wait_after(self, attempts: int) -> timedelta:
        """Return the wait before the next attempt, after this many attempts."""
        if attempts < self.free:
            return timedelta()
        doublings = min(attempts - self.free, 32)  # 2^32 s is longer than any wait
        return timedelta(
            seconds=min(self.first_wait_seconds << doublings, self.longest_wait_seconds)
        )


@dataclass(frozen=True, slots=True)
class Counter:
    """The attempts of one subject under one rule."""

    backoff: Backoff
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """The stored attempts of one subject that did not succeed, or not yet."""

    count: int = 0
    opens_at: datetime | None = None

    def wait(self, now: datetime) -> timedelta:
        """Return the wait before the next attempt."""
        return max(timedelta(), self.opens_at - now) if self.opens_at else timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitStatus:
    """The state of one rate limit for a client.

    remaining      requests that are still allowed
    reset_seconds  seconds until more are allowed, at most
    """

    limit: Quota | Backoff
    remaining: int
    reset_seconds: int

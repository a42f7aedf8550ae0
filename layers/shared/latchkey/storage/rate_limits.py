"""Counters of requests and failed attempts.

They have their own partitions and expire by TTL. If storage does not respond, counting raises: a
request that can't be counted is refused.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.clock import from_milliseconds, to_milliseconds
from latchkey.domain.throttle import Attempts
from latchkey.domain.values import replace
from latchkey.storage import keys
from latchkey.storage.table import (
    ABSENT,
    Change,
    Compare,
    ConditionFailed,
    Delete,
    Update,
    equals,
)

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.throttle import Backoff, Quota
    from latchkey.storage.table import Condition, Table

_KEPT_AFTER_WINDOW_SECONDS = 3600
"""Longer than the difference of any two clocks. TTL only cleans up."""


class RateLimitStore:
    """The counters of requests and attempts."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def count(self, quota: Quota, subject: str, now: datetime) -> int:
        """Count one request, and return the number of requests in this window.

        Pattern      L1, before anything is done for a request
        Request      UpdateItem
        Cost         1 WRU, also for a request that is then refused
        Race         none: ADD is atomic, and every request gets its own number. If a response is
                     lost, the retry may count the request twice
        """
        window = int(now.timestamp()) // quota.window_seconds
        ends_at = (window + 1) * quota.window_seconds
        change = Change(assign={"ttl": ends_at + _KEPT_AFTER_WINDOW_SECONDS}, add={"requests": 1})
        item = self._table.update(Update(keys.quota_window(quota.name, subject, window), change))
        return int(str(item["requests"]))

    def read_attempts(self, backoff: Backoff, subject: str, now: datetime) -> Attempts:
        """Return the failed attempts.

        Pattern      L2, before a password is verified
        Request      GetItem
        Consistency  strong
        Cost         1 RRU; a refusal costs no more
        """
        item = self._table.get(keys.attempts(backoff.name, subject))
        if item is None or int(str(item["forgotten_at"])) <= to_milliseconds(now):
            return Attempts()
        return Attempts(
            count=int(str(item["attempts"])),
            opens_at=from_milliseconds(int(str(item["opens_at"]))),
        )

    def add_attempt(self, backoff: Backoff, subject: str, seen: Attempts, now: datetime) -> bool:
        """Count an attempt before it is made, and set the time of the next one.

        Pattern      L3, before a password is verified
        Request      UpdateItem
        Cost         1 WRU
        Condition    `seen` is unchanged; for a free attempt only that one is left
        Race         False for the loser, who must read again: no more parallel attempts are allowed
                     than sequential ones
        """
        count = seen.count + 1
        opens_at = now + backoff.wait_after(count)
        forgotten_at = opens_at + timedelta(seconds=backoff.remembered_seconds)
        assign = {
            "opens_at": to_milliseconds(opens_at),
            "forgotten_at": to_milliseconds(forgotten_at),
            "ttl": int(forgotten_at.timestamp()),
        }
        condition: Condition
        if seen.count == 0:
            change = Change(assign={**assign, "attempts": 1})
            condition = ABSENT | Compare("forgotten_at", "<=", to_milliseconds(now))
        elif count < backoff.free:
            change = Change(assign=assign, add={"attempts": 1})
            condition = Compare("attempts", "<", backoff.free - 1)
        else:
            change = Change(assign=assign, add={"attempts": 1})
            condition = equals("attempts", seen.count)
        try:
            self._table.update(Update(keys.attempts(backoff.name, subject), change, condition))
        except ConditionFailed:
            return False
        return True

    def take_back(
        self, backoff: Backoff, subject: str, counted: int, amount: int, now: datetime
    ) -> None:
        """Remove attempts that a success has shown to be the owner's, and keep the others'.

        counted  the number that the successful attempt got
        amount   the number to remove, including that one; DeleteItem if none is left

        Pattern      L5, after a sign-in
        Request      UpdateItem
        Cost         1 WRU; 2 WRU after another attempt in between
        Condition    no attempt since: then the wait after the attempt ends too
        Race         another attempt in between keeps the wait
        """
        key = keys.attempts(backoff.name, subject)
        last = equals("attempts", counted)
        fewer = Change(add={"attempts": -amount})
        try:
            if amount >= counted:
                self._table.delete(Delete(key, last))
            else:
                assign = {"opens_at": to_milliseconds(now)}
                self._table.update(Update(key, replace(fewer, assign=assign), last))
        except ConditionFailed:
            with contextlib.suppress(ConditionFailed):
                self._table.update(Update(key, fewer, Compare("attempts", ">", amount)))

    def forget_attempts(self, backoff: Backoff, subject: str) -> None:
        """Remove the failed attempts after a success.

        Pattern      L4, after a sign-in or a password reset
        Request      DeleteItem
        Cost         1 WRU
        """
        self._table.delete(Delete(keys.attempts(backoff.name, subject)))

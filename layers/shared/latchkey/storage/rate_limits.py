"""Counters of attempts: how often in this window, and how many in vain.

They lie in partitions of their own and go with TTL. Storage that does not answer raises, as
everywhere: a limit that can't be counted is not a limit that is open.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.clock import from_milliseconds, to_milliseconds
from latchkey.domain.throttle import Attempts
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
"""Longer than any two clocks of ours differ; TTL is only a broom."""


class RateLimitStore:
    """What has been tried, by whom, and how often."""

    def __init__(self, table: Table) -> None:
        """Keep it in this table."""
        self._table = table

    def count(self, quota: Quota, subject: str, now: datetime) -> int:
        """Count one request, and return how many there have been in this window.

        Pattern      L1, before anything is done for a request
        Request      UpdateItem
        Cost         1 WRU, also for a request that is then refused
        Race         none: ADD is atomic, every request gets a number of its own. An attempt of ours
                     whose answer was lost may count twice
        """
        window = int(now.timestamp()) // quota.window_seconds
        ends_at = (window + 1) * quota.window_seconds
        change = Change(assign={"ttl": ends_at + _KEPT_AFTER_WINDOW_SECONDS}, add={"requests": 1})
        item = self._table.update(Update(keys.quota_window(quota.name, subject, window), change))
        return int(str(item["requests"]))

    def read_attempts(self, backoff: Backoff, subject: str, now: datetime) -> Attempts:
        """Tell what has been tried in vain.

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
        """Count an attempt before it is made, and say when the next one may be.

        Pattern      L3, before a password is verified
        Request      UpdateItem
        Cost         1 WRU
        Condition    nothing has changed that `seen` decided: a free attempt needs only that there
                     still is one
        Race         False for the loser, who must look again: however many guess at the same
                     instant, no more are let through than one after the other
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
        """Take attempts back that a success has shown to be the owner's, and leave the others'.

        counted  the number that the successful attempt got
        amount   how many are taken back, that one among them; DeleteItem when none is left

        Pattern      L5, after a sign-in
        Request      UpdateItem
        Cost         1 WRU; 2 WRU if somebody else has tried in the meantime
        Condition    nobody has tried since: then the wait that followed the attempt ends, too
        Race         somebody who tries in the meantime leaves the wait as it is
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
        """Forget what was tried in vain, because something has succeeded.

        Pattern      L4, after a sign-in or a password reset
        Request      DeleteItem
        Cost         1 WRU
        """
        self._table.delete(Delete(keys.attempts(backoff.name, subject)))

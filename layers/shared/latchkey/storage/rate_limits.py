"""Counters of requests and failed attempts.

They have their own partitions and expire by TTL. If storage does not respond, counting raises: a
request that can't be counted is refused.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.changes import AttemptsForgotten, AttemptsReduced, AttemptsTakenBack
from latchkey.domain.clock import from_milliseconds, to_milliseconds
from latchkey.domain.throttle import Attempts
from latchkey.storage import keys
from latchkey.storage.changes import attempts_removed
from latchkey.storage.table import (
    ABSENT,
    EXISTS,
    Change,
    Compare,
    ConditionFailed,
    Delete,
    Update,
    equals,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from latchkey.domain.throttle import Counter, Quota
    from latchkey.storage.table import Condition, Item, Table

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

    def read_attempts(self, counter: Counter, now: datetime) -> Attempts:
        """Return the failed attempts.

        Pattern      L2, before a password is verified
        Request      GetItem
        Consistency  strong
        Cost         1 RRU; a refusal costs no more
        """
        item = self._table.get(keys.attempts(counter.backoff.name, counter.subject))
        return decode_attempts(item, now)

    def add_attempts(self, seen: Sequence[tuple[Counter, Attempts | None]], now: datetime) -> bool:
        """Count an attempt under several rules before it is made, or under none.

        seen  each counter with the attempts that were read; None counts without a condition, for a
              counter that nothing depends on

        Pattern      L3, before a password is verified
        Request      UpdateItem
        Cost         1 WRU; several counters are a TransactWriteItems of 2 WRU each
        Condition    `seen` is unchanged; for a free attempt only that one is left
        Race         False for the loser, who must read again: no more parallel attempts are allowed
                     than sequential ones
        """
        writes = [_attempt(counter, attempts, now) for counter, attempts in seen]
        try:
            if len(writes) == 1:
                self._table.update(writes[0])
            else:
                self._table.transact(writes)
        except ConditionFailed:
            return False
        return True

    def take_back(self, counter: Counter, counted: int, amount: int, now: datetime) -> None:
        """Remove attempts of the owner, who was then refused for another reason.

        counted  the number that the attempt with the right password got
        amount   the number to remove, including that one; DeleteItem if none is left

        Pattern      L5, after the right password of an account that is not active
        Request      UpdateItem
        Cost         1 WRU; 2 WRU after another attempt in between
        Condition    no attempt since: then the wait after the attempt ends too
        Race         another attempt in between keeps the wait
        """
        try:
            self._write(AttemptsTakenBack(counter, counted, amount, now))
        except ConditionFailed:
            with contextlib.suppress(ConditionFailed):
                self._write(AttemptsReduced(counter, amount))

    def forget_attempts(self, counter: Counter) -> None:
        """Remove the failed attempts after a success.

        Pattern      L4, after a step-up or a password reset
        Request      DeleteItem
        Cost         1 WRU
        """
        self._write(AttemptsForgotten(counter))

    def _write(self, change: AttemptsForgotten | AttemptsTakenBack | AttemptsReduced) -> None:
        write = attempts_removed(change)
        if isinstance(write, Delete):
            self._table.delete(write)
        else:
            self._table.update(write)


def decode_attempts(item: Item | None, now: datetime) -> Attempts:
    """Return the attempts of a stored counter. Forgotten ones are none."""
    if item is None or int(str(item["forgotten_at"])) <= to_milliseconds(now):
        return Attempts()
    return Attempts(
        count=int(str(item["attempts"])),
        opens_at=from_milliseconds(int(str(item["opens_at"]))),
    )


def _attempt(counter: Counter, seen: Attempts | None, now: datetime) -> Update:
    backoff = counter.backoff
    count = 1 if seen is None else seen.count + 1
    opens_at = now + backoff.wait_after(count)
    forgotten_at = opens_at + timedelta(seconds=backoff.remembered_seconds)
    assign = {
        "opens_at": to_milliseconds(opens_at),
        "forgotten_at": to_milliseconds(forgotten_at),
        "ttl": int(forgotten_at.timestamp()),
    }
    change = Change(assign=assign, add={"attempts": 1})
    condition: Condition
    if count == 1:
        change = Change(assign={**assign, "attempts": 1})
        is_over: Condition = Compare("forgotten_at", "<=", to_milliseconds(now))
        # Timing: a condition of the same form, which always holds.
        condition = ABSENT | (EXISTS if seen is None else is_over)
    elif count < backoff.free:
        condition = Compare("attempts", "<", backoff.free - 1)
    else:
        condition = equals("attempts", count - 1)
    return Update(keys.attempts(backoff.name, counter.subject), change, condition)

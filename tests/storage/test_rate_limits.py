"""Counters under concurrency."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, override

import pytest

from latchkey.domain.errors import TooManyAttempts
from latchkey.domain.throttle import Attempts, Backoff, Quota
from latchkey.flows.throttling import Counter, Throttling
from latchkey.storage.memory import MemoryTable
from latchkey.storage.rate_limits import RateLimitStore

if TYPE_CHECKING:
    from latchkey.storage.table import Table

NOW = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)
QUOTA = Quota(name="q", amount=3, window_seconds=60)
BACKOFF = Backoff(
    name="b", free=3, first_wait_seconds=60, longest_wait_seconds=600, remembered_seconds=3600
)


@pytest.fixture
def store():
    return RateLimitStore(MemoryTable())


def test_parallel_requests_get_different_counts(store):
    with ThreadPoolExecutor(8) as pool:
        counts = pool.map(lambda _: store.count(QUOTA, "s", NOW), range(50))
    assert sorted(counts) == list(range(1, 51))


def test_a_new_window_starts_at_one(store):
    assert store.count(QUOTA, "s", NOW) == 1
    assert store.count(QUOTA, "s", NOW + timedelta(seconds=29)) == 2
    assert store.count(QUOTA, "s", NOW + timedelta(seconds=30)) == 1


def test_subjects_and_quotas_are_counted_apart(store):
    other = Quota(name="other", amount=3, window_seconds=60)
    assert store.count(QUOTA, "s", NOW) == store.count(QUOTA, "t", NOW) == 1
    assert store.count(other, "s", NOW) == 1


def test_parallel_attempts_get_no_more_than_sequential_ones(store):
    throttling = Throttling(store=store)

    def guess(_):
        try:
            throttling._attempt(NOW, Counter(BACKOFF, "s"))
        except TooManyAttempts:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(guess, range(200))) == BACKOFF.free
    seen = store.read_attempts(BACKOFF, "s", NOW)
    assert seen == Attempts(count=3, opens_at=NOW + timedelta(seconds=60))


def test_one_attempt_is_allowed_after_a_wait(store):
    throttling = Throttling(store=store)
    for _ in range(BACKOFF.free):
        throttling._attempt(NOW, Counter(BACKOFF, "s"))
    later = NOW + timedelta(seconds=60)
    passed, waits = 0, set()
    for _ in range(10):
        try:
            throttling._attempt(later, Counter(BACKOFF, "s"))
        except TooManyAttempts as refused:
            waits.add(refused.retry_after_seconds)
        else:
            passed += 1
    assert passed == 1
    assert waits == {120}


def test_old_failures_do_not_count_if_ttl_is_late(store):
    for n in range(BACKOFF.free):
        assert store.add_attempt(BACKOFF, "s", Attempts(count=n), NOW)
    end = NOW + timedelta(seconds=60 + 3600)
    assert store.read_attempts(BACKOFF, "s", end - timedelta(seconds=1)).count == 3
    assert store.read_attempts(BACKOFF, "s", end) == Attempts()
    assert store.add_attempt(BACKOFF, "s", Attempts(), end)
    assert store.read_attempts(BACKOFF, "s", end).count == 1


def test_refused_attempt_is_not_counted_by_other_rules(store):
    throttling = Throttling(store=store)
    for _ in range(BACKOFF.free):
        throttling._attempt(NOW, Counter(BACKOFF, "closed"))
    with pytest.raises(TooManyAttempts):
        throttling._attempt(NOW, Counter(BACKOFF, "open"), Counter(BACKOFF, "closed"))
    assert store.read_attempts(BACKOFF, "open", NOW) == Attempts()


class LosingStore(RateLimitStore):
    """Loses the race of some attempts: another request has changed the count."""

    def __init__(self, table: Table, losses: int) -> None:
        super().__init__(table)
        self.losses = losses

    @override
    def add_attempt(self, backoff: Backoff, subject: str, seen: Attempts, now: datetime) -> bool:
        if self.losses:
            self.losses -= 1
            return False
        return super().add_attempt(backoff, subject, seen, now)


@pytest.mark.parametrize("losses", [1, 2, 5])
def test_attempt_that_loses_races_is_counted_once(losses):
    store = LosingStore(MemoryTable(), losses)
    counters = [Counter(BACKOFF, "one"), Counter(BACKOFF, "two")]
    counted = Throttling(store=store)._attempt(NOW, *counters)
    assert [(c.counter.subject, c.number) for c in counted] == [("one", 1), ("two", 1)]
    for subject in ("one", "two"):
        assert store.read_attempts(BACKOFF, subject, NOW).count == 1


def test_attempt_that_loses_every_race_is_refused():
    store = LosingStore(MemoryTable(), 1000)
    with pytest.raises(TooManyAttempts) as caught:
        Throttling(store=store)._attempt(NOW, Counter(BACKOFF, "crowded"))
    assert caught.value.retry_after_seconds > 0
    assert store.read_attempts(BACKOFF, "crowded", NOW) == Attempts()


@pytest.mark.parametrize("seen", [0, 1])
def test_outdated_read_gives_no_extra_attempt(store, seen):
    # What both saw was a free attempt; by the time that this one counts there is none.
    for count in range(BACKOFF.free - 1):
        assert store.add_attempt(BACKOFF, "s", Attempts(count=count), NOW)
    assert not store.add_attempt(BACKOFF, "s", Attempts(count=seen), NOW)
    # The last one has to say when the next may be: only who saw all others may take it.
    assert store.add_attempt(BACKOFF, "s", Attempts(count=BACKOFF.free - 1), NOW)
    assert not store.add_attempt(BACKOFF, "s", Attempts(count=BACKOFF.free - 1), NOW)
    assert store.read_attempts(BACKOFF, "s", NOW).count == BACKOFF.free


@pytest.mark.parametrize("seen", range(1, BACKOFF.free + 1))
@pytest.mark.parametrize("really", range(1, BACKOFF.free + 2))
def test_outdated_count_gives_no_extra_attempt(store, seen, really):
    """For any outdated read, a counted attempt is free, or the first after the last wait."""
    for number in range(really):
        assert store.add_attempt(BACKOFF, "s", Attempts(count=number), NOW)
    added = store.add_attempt(BACKOFF, "s", Attempts(count=seen), NOW)
    stays_free = max(seen, really) + 1 < BACKOFF.free
    assert added is (stays_free or seen == really)
    assert store.read_attempts(BACKOFF, "s", NOW).count == really + added

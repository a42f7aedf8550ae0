"""Counters under concurrency."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, override

import pytest

from latchkey.domain.errors import TooManyAttempts
from latchkey.domain.ids import AccountId, DeviceId
from latchkey.domain.throttle import Attempts, Backoff, Counter, Quota
from latchkey.flows.throttling import LoginAttempt, Throttling
from latchkey.storage.memory import MemoryTable
from latchkey.storage.rate_limits import RateLimitStore
from tests.support.builders import a_context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latchkey.storage.table import Table

NOW = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)
QUOTA = Quota(name="q", amount=3, window_seconds=60)
BACKOFF = Backoff(
    name="b", free=3, first_wait_seconds=60, longest_wait_seconds=600, remembered_seconds=3600
)
COUNTER = Counter(BACKOFF, "s")


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
            throttling._attempt(NOW, COUNTER)
        except TooManyAttempts:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(guess, range(200))) == BACKOFF.free
    seen = store.read_attempts(COUNTER, NOW)
    assert seen == Attempts(count=3, opens_at=NOW + timedelta(seconds=60))


def test_one_attempt_is_allowed_after_a_wait(store):
    throttling = Throttling(store=store)
    for _ in range(BACKOFF.free):
        throttling._attempt(NOW, COUNTER)
    later = NOW + timedelta(seconds=60)
    passed, waits = 0, set()
    for _ in range(10):
        try:
            throttling._attempt(later, COUNTER)
        except TooManyAttempts as refused:
            waits.add(refused.retry_after_seconds)
        else:
            passed += 1
    assert passed == 1
    assert waits == {120}


def test_old_failures_do_not_count_if_ttl_is_late(store):
    for n in range(BACKOFF.free):
        assert store.add_attempts([(COUNTER, Attempts(count=n))], NOW)
    end = NOW + timedelta(seconds=60 + 3600)
    assert store.read_attempts(COUNTER, end - timedelta(seconds=1)).count == 3
    assert store.read_attempts(COUNTER, end) == Attempts()
    assert store.add_attempts([(COUNTER, Attempts())], end)
    assert store.read_attempts(COUNTER, end).count == 1


def test_attempt_is_counted_under_every_rule_or_under_none(store):
    closed, other = Counter(BACKOFF, "closed"), Counter(BACKOFF, "open")
    for number in range(BACKOFF.free):
        assert store.add_attempts([(closed, Attempts(count=number))], NOW)
    outdated = [(other, Attempts()), (closed, Attempts(count=1))]
    for attempts in (outdated, outdated[::-1]):
        assert not store.add_attempts(attempts, NOW)
    assert store.read_attempts(other, NOW) == Attempts()
    assert store.read_attempts(closed, NOW).count == BACKOFF.free


def test_uncounted_attempt_is_written_to_any_state_of_its_counter(store):
    for _ in range(BACKOFF.free + 2):
        assert store.add_attempts([(COUNTER, None)], NOW)
        assert store.read_attempts(COUNTER, NOW).count == 1


class LosingStore(RateLimitStore):
    """Loses the race of some attempts: another request has changed the count."""

    def __init__(self, table: Table, losses: int) -> None:
        super().__init__(table)
        self.losses = losses

    @override
    def add_attempts(self, seen: Sequence[tuple[Counter, Attempts | None]], now: datetime) -> bool:
        if self.losses:
            self.losses -= 1
            return False
        return super().add_attempts(seen, now)


def login(throttling: Throttling, device_id: DeviceId | None = None) -> LoginAttempt:
    context = a_context(device_id=device_id)
    counters = throttling.login_counters("typed", AccountId("usr_1"), context)
    seen = {counter: Attempts() for counter in counters.of_password()}
    return throttling.before_login(counters, seen, NOW, device_is_known=device_id is not None)


@pytest.mark.parametrize("losses", [1, 2, 5])
@pytest.mark.parametrize("device_id", [None, DeviceId("dev_1")])
def test_attempt_that_loses_races_is_counted_once(losses, device_id):
    store = LosingStore(MemoryTable(), losses)
    attempt = login(Throttling(store=store), device_id)
    assert len(attempt.others) == (0 if device_id else 2)
    for counted in (attempt.own, *attempt.others):
        assert counted.number == 1
        assert store.read_attempts(counted.counter, NOW).count == 1


@pytest.mark.parametrize("device_id", [None, DeviceId("dev_1")])
def test_sign_in_that_loses_every_race_is_refused(device_id):
    with pytest.raises(TooManyAttempts) as caught:
        login(Throttling(store=LosingStore(MemoryTable(), 1000)), device_id)
    assert caught.value.retry_after_seconds == 1


def test_attempt_that_loses_every_race_is_refused():
    store = LosingStore(MemoryTable(), 1000)
    with pytest.raises(TooManyAttempts) as caught:
        Throttling(store=store)._attempt(NOW, Counter(BACKOFF, "crowded"))
    assert caught.value.retry_after_seconds > 0
    assert store.read_attempts(Counter(BACKOFF, "crowded"), NOW) == Attempts()


@pytest.mark.parametrize("seen", [0, 1])
def test_outdated_read_gives_no_extra_attempt(store, seen):
    # What both saw was a free attempt; by the time that this one counts there is none.
    for count in range(BACKOFF.free - 1):
        assert store.add_attempts([(COUNTER, Attempts(count=count))], NOW)
    assert not store.add_attempts([(COUNTER, Attempts(count=seen))], NOW)
    # The last one has to say when the next may be: only who saw all others may take it.
    assert store.add_attempts([(COUNTER, Attempts(count=BACKOFF.free - 1))], NOW)
    assert not store.add_attempts([(COUNTER, Attempts(count=BACKOFF.free - 1))], NOW)
    assert store.read_attempts(COUNTER, NOW).count == BACKOFF.free


@pytest.mark.parametrize("seen", range(1, BACKOFF.free + 1))
@pytest.mark.parametrize("really", range(1, BACKOFF.free + 2))
def test_outdated_count_gives_no_extra_attempt(store, seen, really):
    """For any outdated read, a counted attempt is free, or the first after the last wait."""
    for number in range(really):
        assert store.add_attempts([(COUNTER, Attempts(count=number))], NOW)
    added = store.add_attempts([(COUNTER, Attempts(count=seen))], NOW)
    stays_free = max(seen, really) + 1 < BACKOFF.free
    assert added is (stays_free or seen == really)
    assert store.read_attempts(COUNTER, NOW).count == really + added

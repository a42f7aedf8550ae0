"""SSM throttles or fails: functions use cached values and limit their reads."""

from __future__ import annotations

import itertools
import json

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import (
    KEY_CACHE_SECONDS,
    KEY_FIRST_READ_SECONDS,
    KEY_MANAGER_ATTEMPTS,
    KEY_REREAD_SECONDS,
    KEY_RETRY_MAX_SECONDS,
    KEY_STALE_SECONDS,
)
from latchkey.storage import parameters
from latchkey.storage.signing_keys import SigningKeyStore

GOOD = {"keys": [{"kid": "one"}], "epoch": 1}
KEYS = [{"kid": "one"}]
THROTTLED = ClientError({"Error": {"Code": "ThrottlingException"}}, "GetParameter")
DENIED = ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetParameter")
MISSING = ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
INTERNAL = ClientError({"Error": {"Code": "InternalServerError"}}, "GetParameter")
HANGS = ReadTimeoutError(endpoint_url="https://ssm.eu-west-1.amazonaws.com")
FAILURES = {"throttled": THROTTLED, "hangs": HANGS, "internal": INTERNAL, "denied": DENIED}


class ScriptedSsm:
    """Parameter Store with a clock: answers with a document, or raises."""

    def __init__(self) -> None:
        self.answer = GOOD
        self.now = 1000.0
        self.reads = 0

    def get_parameter(self, *, Name, WithDecryption):  # noqa: N803 - AWS's names
        assert WithDecryption
        assert Name
        self.reads += 1
        if self.answer is HANGS:
            self.now += 2
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"Parameter": {"Value": json.dumps(self.answer)}}

    def sleep(self, seconds):
        self.now += seconds

    def reads_of(self, call):
        """Count the reads that a call makes, and return its outcome."""
        before = self.reads
        try:
            outcome = call()
        except TemporarilyUnavailable as error:
            outcome = error
        return self.reads - before, outcome


@pytest.fixture
def ssm(monkeypatch):
    scripted = ScriptedSsm()
    monkeypatch.setattr(parameters, "aws_client", lambda *_: scripted)
    monkeypatch.setattr(parameters.CachedParameter, "reads_ahead", True)
    return scripted


def environment(ssm, epoch=1):
    return SigningKeyStore("/any", epoch=epoch, monotonic=lambda: ssm.now, sleep=ssm.sleep)


@pytest.fixture
def store(ssm):
    return environment(ssm)


def test_warm_function_reads_at_most_once_in_five_minutes(ssm, store):
    for _ in range(3600):
        assert store.public_jwks() == KEYS
        ssm.now += 1
    # Each age is drawn anew from 150 to 300 seconds.
    assert 3600 / KEY_CACHE_SECONDS <= ssm.reads <= 3600 / (KEY_CACHE_SECONDS / 2) + 1


def test_refresh_times_of_functions_are_spread(ssm):
    functions = [environment(ssm) for _ in range(400)]
    for function in functions:
        function.public_jwks()
    busiest = 0
    for _ in range(KEY_CACHE_SECONDS):
        ssm.now += 1
        busiest = max(busiest, sum(ssm.reads_of(f.public_jwks)[0] for f in functions))
    assert busiest < 20


@pytest.mark.parametrize("failure", [*FAILURES, "missing"])
@pytest.mark.parametrize("keys", ["public", "private"])
def test_cached_keys_are_used_for_a_day_while_ssm_fails(ssm, store, failure, keys):
    ssm.answer = {"keys": [], "epoch": 1} if keys == "private" else GOOD
    read = store.key_ring if keys == "private" else store.public_jwks
    content = read()
    ssm.answer = FAILURES.get(failure, MISSING)
    end, started = ssm.now + KEY_STALE_SECONDS - 10, ssm.reads
    while ssm.now < end:
        assert read() == content
        ssm.now += 7
    # Back-off: about one read in two minutes, for any number of requests.
    assert ssm.reads - started < 2.1 * KEY_STALE_SECONDS / KEY_RETRY_MAX_SECONDS
    ssm.now = end + 20
    with pytest.raises(TemporarilyUnavailable) as caught:
        read()
    assert caught.value.retry_after_seconds > 0


def test_new_keys_are_found_after_an_outage(ssm, store):
    store.public_jwks()
    ssm.answer = THROTTLED
    for _ in range(10):
        ssm.now += KEY_CACHE_SECONDS
        store.public_jwks()
    ssm.answer = {"keys": [{"kid": "two"}], "epoch": 1}
    ssm.now += KEY_CACHE_SECONDS
    assert store.public_jwks() == [{"kid": "two"}]


def test_failed_reads_back_off(ssm, store):
    store.public_jwks()
    ssm.answer = THROTTLED
    ssm.now += KEY_CACHE_SECONDS
    read_times = []
    for _ in range(1800):
        if ssm.reads_of(store.public_jwks)[0]:
            read_times.append(ssm.now)
        ssm.now += 1
    waits = [later - earlier for earlier, later in itertools.pairwise(read_times)]
    for number, wait in enumerate(waits):
        longest = min(KEY_REREAD_SECONDS * 2**number, KEY_RETRY_MAX_SECONDS)
        assert longest / 2 <= wait <= longest + 1


def test_a_document_of_an_earlier_epoch_replaces_nothing(ssm):
    ssm.answer = {**GOOD, "epoch": 2}
    store = environment(ssm, epoch=2)
    store.public_jwks()
    ssm.answer = {"keys": [{"kid": "leaked"}], "epoch": 1}
    ssm.now += KEY_CACHE_SECONDS
    assert store.public_jwks() == KEYS


# A fresh environment -------------------------------------------------------------------------


def test_cold_function_retries_while_ssm_throttles(ssm, store, monkeypatch):
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            ssm.answer = GOOD

    ssm.answer = THROTTLED
    monkeypatch.setattr(store._public, "_sleep", sleep)
    assert ssm.reads_of(store.public_jwks) == (4, KEYS)
    assert len(set(pauses)) == 3
    assert all(0 <= p <= 0.1 * 2**n for n, p in enumerate(pauses, start=1))


@pytest.mark.parametrize("failure", ["throttled", "hangs", "internal"])
def test_cold_function_gives_up_in_time_for_a_503(ssm, store, failure):
    ssm.answer = FAILURES[failure]
    started = ssm.now
    reads, outcome = ssm.reads_of(store.public_jwks)
    assert isinstance(outcome, TemporarilyUnavailable)
    assert outcome.retry_after_seconds > 0
    # An attempt that hangs takes two seconds, and one may begin at the last moment.
    assert ssm.now - started <= KEY_FIRST_READ_SECONDS + 2
    assert reads >= 2
    # Those who come at once do not start over.
    assert ssm.reads_of(store.public_jwks)[0] == 0
    ssm.now += 1
    ssm.answer = GOOD
    assert ssm.reads_of(store.public_jwks) == (1, KEYS)


@pytest.mark.parametrize("answer", [DENIED, MISSING, {**GOOD, "epoch": 0}])
def test_permanent_error_is_not_retried(ssm, store, answer):
    ssm.answer = answer
    started = ssm.now
    reads, outcome = ssm.reads_of(store.public_jwks)
    assert (reads, type(outcome)) == (1, TemporarilyUnavailable)
    assert ssm.now == started


def test_new_epoch_uses_no_cached_keys(ssm):
    # A deployment with another KeyEpoch starts every environment afresh: there is no copy.
    environment(ssm).public_jwks()
    ssm.answer = THROTTLED
    assert isinstance(
        ssm.reads_of(environment(ssm, epoch=2).public_jwks)[1], TemporarilyUnavailable
    )


# Made-up key ids -----------------------------------------------------------------------------


def test_forged_key_ids_cause_no_extra_reads(ssm, store):
    for number in range(3600):
        assert store.find_public(f"made-up-{number}") is None
        ssm.now += 1
    # Some more in the first minutes, then the ordinary one in 150 to 300 seconds.
    assert ssm.reads <= 3600 / (KEY_CACHE_SECONDS / 2) + 6


def test_key_id_newer_than_the_cache_is_found(ssm, store):
    store.public_jwks()
    ssm.answer = {"keys": [{"kid": "one"}, {"kid": "two"}], "epoch": 1}
    assert store.find_public("two") is None
    ssm.now += KEY_REREAD_SECONDS
    assert store.find_public("two") == {"kid": "two"}


def test_key_is_found_in_a_copy_that_was_refreshed_meanwhile(ssm):
    """A request looked into the old copy, and another one replaced it."""
    cached = parameters.CachedParameter(lambda: ssm.answer, name="/any/one", monotonic=lambda: 0)
    known = cached.get()
    assert cached.get_newer(known) is None
    ssm.answer = {"keys": [{"kid": "two"}], "epoch": 1}
    cached._refresh()
    assert cached.get_newer(known) == ssm.answer


def test_unknown_key_id_is_a_503_while_ssm_fails(ssm, store):
    store.public_jwks()
    ssm.answer = THROTTLED
    ssm.now += KEY_CACHE_SECONDS
    assert store.find_public("one") == {"kid": "one"}
    before = ssm.reads
    for _ in range(20):
        reads, outcome = ssm.reads_of(lambda: store.find_public("two"))
        assert (reads, type(outcome)) == (0, TemporarilyUnavailable)
    assert ssm.reads == before
    ssm.answer = GOOD
    ssm.now += KEY_CACHE_SECONDS
    assert store.find_public("two") is None


# The function that makes and rotates keys ----------------------------------------------------


class FlakySsm:
    """Fails a number of requests before each that it answers."""

    def __init__(self, failures: int, error: Exception = THROTTLED) -> None:
        self.failures = failures
        self.error = error
        self.left = failures
        self.values: dict[str, str] = {}
        self.calls = 0

    def _answer(self):
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error
        self.left = self.failures

    def get_parameter(self, *, Name, WithDecryption):  # noqa: N803 - AWS's names
        assert WithDecryption
        self._answer()
        return {"Parameter": {"Value": self.values[Name]}}

    def put_parameter(self, *, Name, Value, Type, Overwrite):  # noqa: N803 - AWS's names
        assert Overwrite
        assert Type
        self._answer()
        self.values[Name] = Value


@pytest.mark.parametrize("error", [THROTTLED, HANGS, INTERNAL])
def test_key_maker_tries_each_request_three_times(monkeypatch, error):
    flaky, pauses = FlakySsm(KEY_MANAGER_ATTEMPTS - 1, error), []
    monkeypatch.setattr(parameters, "aws_client", lambda *_: flaky)
    store = parameters.ParameterStore(sleep=pauses.append)
    store.write("/any/one", "value", secret=True)
    assert store.find("/any/one", attempts=KEY_MANAGER_ATTEMPTS) == "value"
    assert len(pauses) == 4
    assert all(0 <= pause <= 2 for pause in pauses)
    flaky.failures = flaky.left = KEY_MANAGER_ATTEMPTS
    with pytest.raises(TemporarilyUnavailable):
        store.write("/any/one", "other", secret=True)
    assert flaky.values == {"/any/one": "value"}


def test_permanent_error_of_a_write_is_not_retried(monkeypatch):
    flaky = FlakySsm(5, DENIED)
    monkeypatch.setattr(parameters, "aws_client", lambda *_: flaky)
    with pytest.raises(TemporarilyUnavailable):
        parameters.ParameterStore().write("/any/one", "value", secret=True)
    assert flaky.calls == 1


def test_keys_read_ahead_are_not_read_again(ssm, store):
    store.preload(private=False)
    assert ssm.reads_of(store.public_jwks) == (0, KEYS)


@pytest.mark.parametrize("failure", [*FAILURES, "missing"])
def test_failed_read_ahead_leaves_it_to_the_first_request(ssm, store, failure):
    ssm.answer = FAILURES.get(failure, MISSING)
    for private in (True, False):
        store.preload(private=private)
    # One hanging read is enough for an initialization.
    assert ssm.reads == 1
    ssm.answer = GOOD
    assert ssm.reads_of(store.public_jwks) == (1, KEYS)

"""The time of a refused sign-in reveals nothing, even if it is measured in the function.

Real argon2, and a processor's own time, without the noise of networks and neighbours that would
hide a difference from this test, but not from an attacker who measures often enough.
"""

from __future__ import annotations

import gc
import itertools
import random
import sys
import time
from bisect import bisect_left, bisect_right
from statistics import median

import pytest

from latchkey.security.passwords import Passwords
from latchkey.wiring.sign_in import passwords
from tests.support.person import ME, Person
from tests.support.service import InProcessService

WRONG = "a wrong guess at a password"
KINDS = ("unknown", "wrong password", "suspended", "deleted")
SAMPLES = 1000
"""Of each. Chance alone moves an area by 0.013, so that 0.05 is four times as much."""


@pytest.fixture
def service():
    """Accounts in every state, and an unknown address."""
    service = InProcessService(RATE_LIMIT_FACTOR="1000")
    service.put_in_place({passwords: Passwords()})
    people = {kind: Person(service, address_of(kind)) for kind in KINDS[1:]}
    administrator = Person(service, "administrator@example.com")
    administrator.become_admin()
    suspended = people["suspended"]
    assert administrator.request("POST", f"/api/v1/users/{suspended.id}/suspend").status == 200
    assert people["deleted"].request("DELETE", ME).status == 200
    return service


def address_of(kind):
    return f"{kind.replace(' ', '-')}@example.com"


def measure(service, samples):
    """Sign in in vain, each kind as often, in a random order and from everywhere."""
    order = list(KINDS) * samples
    random.shuffle(order)
    seconds = {kind: [] for kind in KINDS}
    answers = set()
    gc.disable()
    try:
        for kind in order:
            address = f"2001:db8:{random.getrandbits(16):x}:{random.getrandbits(16):x}::1"
            began = time.thread_time()
            answer = service.login(address_of(kind), fields={"password": WRONG}, source_ip=address)
            seconds[kind].append(time.thread_time() - began)
            error = {**answer.body["error"], "request_id": ""}
            answers.add((answer.status, str(error), frozenset(answer.headers)))
    finally:
        gc.enable()
    return seconds, answers


def area_under_curve(ones, others):
    """How often one of the first is below one of the second: a half if nothing tells them apart."""
    ordered = sorted(others)
    pairs = 2 * len(ones) * len(others)
    below = sum(2 * len(ordered) - bisect_left(ordered, x) - bisect_right(ordered, x) for x in ones)
    return below / pairs


def report(seconds):
    """Print the medians and return the area of each pair."""
    areas = {
        pair: area_under_curve(seconds[pair[0]], seconds[pair[1]])
        for pair in itertools.combinations(KINDS, 2)
    }
    for kind in KINDS:
        sys.stdout.write(f"{kind}: median {1000 * median(seconds[kind]):.3f} ms\n")
    for (one, other), area in areas.items():
        sys.stdout.write(f"{one} / {other}: {area:.3f}\n")
    return areas


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_time_of_a_refusal_does_not_reveal_accounts(service):
    measure(service, 10)
    seconds, answers = measure(service, SAMPLES)
    assert [status for status, *_ in answers] == [401]
    areas = report(seconds)
    assert {pair for pair, area in areas.items() if not 0.45 <= area <= 0.55} == set()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_time_of_a_rate_limited_sign_in_does_not_reveal_accounts(service):
    """Without a hash, what is left are microseconds: of an account's longer line in the log."""
    service.configure(rate_limit_factor=1)
    measure(service, 10)
    seconds, answers = measure(service, SAMPLES)
    assert [status for status, *_ in answers] == [429]
    report(seconds)
    medians = [median(seconds[kind]) for kind in KINDS]
    assert max(medians) < 1.05 * min(medians)

"""A change that loses a race is tried again, a limited number of times."""

from __future__ import annotations

import pytest

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import TRANSACTION_ATTEMPTS, UNAVAILABLE_RETRY_AFTER_SECONDS
from latchkey.flows.conflicts import CONFLICT, retry_on_conflict


class Attempts:
    """Results of attempts, in their order. Counts them."""

    def __init__(self, *results: object) -> None:
        self.results = results
        self.made = 0

    def __call__(self) -> object:
        self.made += 1
        return self.results[self.made - 1]


@pytest.mark.parametrize("result", ["done", None, False, 0])
@pytest.mark.parametrize("lost", [0, 1, TRANSACTION_ATTEMPTS - 1])
def test_first_result_that_is_not_a_conflict_is_returned(result, lost):
    attempt = Attempts(*[CONFLICT] * lost, result, "too late")
    assert retry_on_conflict(attempt, reason="contention") is result
    assert attempt.made == lost + 1


@pytest.mark.parametrize("limit", [1, 3])
def test_a_change_that_always_loses_is_refused_for_now(limit):
    attempt = Attempts(*[CONFLICT] * 9)
    with pytest.raises(TemporarilyUnavailable) as refused:
        retry_on_conflict(attempt, reason="contention", attempts=limit)
    assert attempt.made == limit
    assert refused.value.retry_after_seconds == UNAVAILABLE_RETRY_AFTER_SECONDS
    assert refused.value.data["reason"] == "contention"


def test_limit_is_the_one_of_transactions():
    attempt = Attempts(*[CONFLICT] * 9)
    with pytest.raises(TemporarilyUnavailable):
        retry_on_conflict(attempt, reason="contention")
    assert attempt.made == TRANSACTION_ATTEMPTS


def test_a_refusal_is_not_tried_again():
    made = []

    def refuse():
        made.append(1)
        raise LookupError

    with pytest.raises(LookupError):
        retry_on_conflict(refuse, reason="contention")
    assert len(made) == 1

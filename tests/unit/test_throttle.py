"""The calculation of limits, and their headers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from latchkey.domain import limits
from latchkey.domain.throttle import Attempts, Backoff, Quota, RateLimitStatus
from latchkey.flows.throttling import network_of
from latchkey.http.response import limit_headers

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BACKOFF = Backoff(
    name="b", free=3, first_wait_seconds=60, longest_wait_seconds=600, remembered_seconds=3600
)


def test_waits_double_after_the_free_attempts_and_stop_at_the_longest():
    waits = [BACKOFF.wait_after(n).total_seconds() for n in range(1, 9)]
    assert waits == [0, 0, 60, 120, 240, 480, 600, 600]


def test_any_number_of_attempts_has_a_wait():
    assert BACKOFF.wait_after(10**9) == timedelta(seconds=600)


def test_expired_wait_is_none():
    attempts = Attempts(count=9, opens_at=NOW)
    assert attempts.wait(NOW) == timedelta()
    assert attempts.wait(NOW - timedelta(seconds=5)) == timedelta(seconds=5)
    assert Attempts().wait(NOW) == timedelta()


def test_a_hundred_attempts_at_one_account_take_months():
    rule = limits.LOGIN_PER_ACCOUNT
    spent = sum((rule.wait_after(n) for n in range(1, 100)), timedelta())
    assert spent > timedelta(days=85)


def test_one_address_alone_is_slower_than_the_whole_account():
    pair, account = limits.LOGIN_PER_IDENTIFIER_AND_ADDRESS, limits.LOGIN_PER_ACCOUNT
    assert pair.free < account.free


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("test-invoke-source-ip", "unknown"),
    ],
)
def test_an_ipv6_customer_is_one_client(address, network):
    assert network_of(address) == network


def test_headers_are_structured_fields():
    quota = RateLimitStatus(
        limit=Quota(name="login", amount=10, window_seconds=60), remaining=3, reset_seconds=42
    )
    backoff = RateLimitStatus(limit=BACKOFF, remaining=0, reset_seconds=900)
    assert limit_headers([quota, backoff]) == {
        "ratelimit-policy": '"login";q=10;w=60, "b";q=3',
        "ratelimit": '"login";r=3;t=42, "b";r=0;t=900',
    }
    assert limit_headers([]) == {}

"""Limits over HTTP: what a client is told, and that it is one client whatever it says it is."""

from __future__ import annotations

import contextlib
import re
import time

import pytest

from latchkey.domain.limits import MAIL_PER_ADDRESS
from tests.support.api import a_fresh_address, error_code, until_available

FORGOT = "/api/v1/auth/password/forgot"
STANDING = re.compile(r'"mail-address";r=(\d+);t=(\d+)')
ENOUGH_SECONDS = 20
"""For all requests of a test to fall into one window."""


@pytest.fixture
def strict(stack):
    """The function with the limits of production."""
    with factor(stack, "forgot_password", "1"):
        yield


@contextlib.contextmanager
def factor(stack, operation, value):
    name = stack.deployment.function_name(operation)
    functions = stack.client("lambda")
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def configure(variables):
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )

    configure({**before, "RATE_LIMIT_FACTOR": value})
    try:
        yield
    finally:
        configure(before)


def forget(api, headers):
    body = {"email": a_fresh_address()}
    return until_available(lambda: api.call("POST", FORGOT, json=body, headers=headers))


def forged(number):
    """Claims of a client about where it is, which differ each time."""
    address = f"198.51.100.{number}"
    return {
        "x-forwarded-for": address,
        "forwarded": f"for={address}",
        "x-real-ip": address,
        "true-client-ip": address,
    }


def in_one_window(api, headers):
    """Begin a new window if this one is about to end, as `RateLimit` tells."""
    told = forget(api, headers).headers["ratelimit"]
    remaining, seconds = map(int, STANDING.fullmatch(told).groups())
    if seconds < ENOUGH_SECONDS:
        time.sleep(seconds + 1)
        return MAIL_PER_ADDRESS.amount
    return remaining


@pytest.mark.usefixtures("strict")
def test_a_client_is_told_its_limit_and_forged_addresses_are_one_client(wide_api, edge):
    here = edge.from_address("198.18.2.1")
    left = in_one_window(wide_api, here)
    answers = [forget(wide_api, {**here, **forged(n)}) for n in range(left + 2)]
    assert [answer.status_code for answer in answers] == [202] * left + [429] * 2
    told = [answer.headers["ratelimit"].partition(";t=")[0] for answer in answers]
    assert told == [f'"mail-address";r={max(0, left - 1 - n)}' for n in range(left + 2)]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {
        '"mail-address";q=10;w=900'
    }
    refused = answers[-1]
    assert error_code(refused) == "TOO_MANY_ATTEMPTS"
    assert 0 < int(refused.headers["retry-after"]) <= MAIL_PER_ADDRESS.window_seconds
    assert refused.headers["ratelimit"].endswith(f";t={refused.headers['retry-after']}")
    assert forget(wide_api, edge.from_address("198.18.2.2")).status_code == 202


@pytest.mark.usefixtures("strict")
def test_without_the_edges_secret_nothing_is_answered(wide_api):
    answers = [
        forget(
            wide_api,
            {
                **forged(n),
                "x-latchkey-edge": "a guess",
                "cloudfront-viewer-address": f"198.51.100.{n}:443",
            },
        )
        for n in range(MAIL_PER_ADDRESS.amount + 1)
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert {error_code(answer) for answer in answers} == {"DIRECT_ACCESS_REFUSED"}
    assert "ratelimit" not in answers[-1].headers

"""Rate limits over HTTP: headers, and forged client addresses."""

from __future__ import annotations

import re
import time

import pytest

from latchkey.domain.limits import MAIL_PER_ADDRESS
from tests.support.api import PASSWORD, a_fresh_address, error_code
from tests.support.function_settings import changed_environment
from tests.support.queue_worker import until

FORGOT = "/api/v1/auth/password/forgot"
CODE = re.compile(r"Code: (\w{5}-\w{5})")
WRONG = "a wrong guess at a password"
STANDING = re.compile(r'"mail-address";r=(\d+);t=(\d+)')
ENOUGH_SECONDS = 20
"""For all requests of a test to fall into one window."""


@pytest.fixture
def strict(stack):
    """The function with the limits of production."""
    with changed_environment(stack, "forgot_password", RATE_LIMIT_FACTOR="1"):
        yield


def forget(api, headers):
    body = {"email": a_fresh_address()}
    return api.call("POST", FORGOT, json=body, headers=headers)


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
    header = forget(api, headers).headers["ratelimit"]
    remaining, seconds = map(int, STANDING.fullmatch(header).groups())
    if seconds < ENOUGH_SECONDS:
        time.sleep(seconds + 1)
        return MAIL_PER_ADDRESS.amount
    return remaining


@pytest.mark.usefixtures("strict")
def test_limit_headers_are_sent_and_forged_addresses_are_one_client(wide_api, edge):
    here = edge.from_address("198.18.2.1")
    left = in_one_window(wide_api, here)
    answers = [forget(wide_api, {**here, **forged(n)}) for n in range(left + 2)]
    assert [answer.status_code for answer in answers] == [202] * left + [429] * 2
    limit_headers = [answer.headers["ratelimit"].partition(";t=")[0] for answer in answers]
    assert limit_headers == [f'"mail-address";r={max(0, left - 1 - n)}' for n in range(left + 2)]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {
        '"mail-address";q=10;w=900'
    }
    refused = answers[-1]
    assert error_code(refused) == "TOO_MANY_ATTEMPTS"
    assert 0 < int(refused.headers["retry-after"]) <= MAIL_PER_ADDRESS.window_seconds
    assert refused.headers["ratelimit"].endswith(f";t={refused.headers['retry-after']}")
    assert forget(wide_api, edge.from_address("198.18.2.2")).status_code == 202


@pytest.mark.usefixtures("strict")
def test_requests_without_the_edges_secret_are_refused(wide_api):
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


def test_attempts_of_others_do_not_lock_the_owner_out(wide_api, edge, stack):
    email = a_fresh_address()
    registered = wide_api.register(email)
    assert registered.status_code == 201

    def sign_in(address, **fields):
        body = {"email": email, "password": PASSWORD, **fields}
        headers = edge.from_address(address)
        return wide_api.call("POST", "/api/v1/auth/login", json=body, headers=headers)

    with changed_environment(stack, "login", RATE_LIMIT_FACTOR="1"):
        guesses = [sign_in(f"198.18.3.{n}", password=WRONG) for n in range(6)]
        assert [answer.status_code for answer in guesses] == [401] * 5 + [429]
        refused = sign_in("198.18.4.1")
        assert (refused.status_code, error_code(refused)) == (429, "TOO_MANY_ATTEMPTS")
        assert [d["field"] for d in refused.json()["error"]["details"]] == ["code"]
        path, body = "/api/v1/auth/login/code", {"email": email}
        response = wide_api.call("POST", path, json=body)
        assert response.status_code == 202
        code = code_in_mail(stack, email)
        assert error_code(sign_in("198.18.4.1", code="00000-00000")) == "CODE_INVALID"
        wrong = sign_in("198.18.4.1", code=code, password=WRONG)
        assert error_code(wrong) == "INVALID_CREDENTIALS"
        assert sign_in("198.18.4.1", code=code).status_code == 200
        assert error_code(sign_in("198.18.4.1", code=code)) == "CODE_INVALID"
        assert sign_in("198.18.3.9", password=WRONG).status_code == 429


def code_in_mail(stack, email):
    found = []

    def came():
        texts = [mail["BodyText"] for mail in stack.mails() if mail["To"] == [email]]
        found[:] = [match[1] for text in texts if (match := CODE.search(text))]
        return bool(found)

    until(came)
    return found[0]

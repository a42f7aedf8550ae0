"""Races over HTTP on the deployed stack: small here, in full in `make test-full`."""

from __future__ import annotations

import random
import time

import pytest

from tests.support.api import all_at_once, error_code, until_available

SESSIONS = "/api/v1/users/me/sessions"


@pytest.mark.parametrize(
    ("ways", "rounds"), [(20, 2), pytest.param(100, 20, marks=pytest.mark.slow)]
)
@pytest.mark.timeout(1800)
def test_parallel_refreshes_rotate_once_and_lose_nobody(wide_api, ways, rounds):
    for _ in range(rounds):
        token = wide_api.register().json()["data"]["refresh_token"]
        answers = all_at_once(
            ways, lambda _, token=token: until_available(lambda: wide_api.refresh(token))
        )
        assert [answer.status_code for answer in answers] == [200] * ways
        successors = {answer.json()["data"]["refresh_token"] for answer in answers}
        assert len(successors) == 1
        (successor,) = successors
        assert successor.split(".")[2] == "2"
        access_tokens = {answer.json()["data"]["access_token"] for answer in answers}
        assert len(access_tokens) == ways
        assert wide_api.me(random.choice(sorted(access_tokens))).status_code == 200
        assert wide_api.refresh(successor).status_code == 200


@pytest.mark.parametrize("rounds", [10, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.timeout(3600)
def test_a_revocation_beats_every_refresh_in_flight(wide_api, rounds):
    email = wide_api.register().json()["data"]["user"]["email"]
    for number in range(rounds):
        if number % 100 == 0:
            # Access tokens last for ten minutes, the full campaign for longer.
            owner = wide_api.login(email).json()["data"]["access_token"]
        victim = wide_api.login(email).json()["data"]
        path = f"{SESSIONS}/{victim['session']['id']}"

        def attempt(way, victim=victim, path=path, owner=owner):
            time.sleep(random.uniform(0, 0.03))
            if way == 0:
                return wide_api.call("DELETE", path, token=owner)
            return wide_api.refresh(victim["refresh_token"])

        revoked, *refreshes = all_at_once(4, attempt)
        assert revoked.status_code == 200
        tokens = [victim["access_token"]]
        for answer in refreshes:
            if answer.status_code == 200:
                tokens.append(answer.json()["data"]["access_token"])
                assert error_code(wide_api.refresh(answer.json()["data"]["refresh_token"])) == (
                    "SESSION_REVOKED"
                )
            else:
                assert error_code(answer) == "SESSION_REVOKED"
        assert {error_code(wide_api.me(token)) for token in tokens} == {"SESSION_REVOKED"}

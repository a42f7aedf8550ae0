"""Races over HTTP on the deployed stack: small here, in full in `make test-full`."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest

from tests.support.api import PASSWORD, a_fresh_address, all_at_once, error_code
from tests.support.spellings import spellings

AUTH = "/api/v1/auth"
SESSIONS = "/api/v1/users/me/sessions"
UPLOADS = "/api/v1/users/me/avatar/uploads"
KEY = {"idempotency-key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}


@pytest.mark.parametrize(
    ("ways", "rounds"), [(6, 1), pytest.param(100, 20, marks=pytest.mark.slow)]
)
@pytest.mark.timeout(1800)
def test_parallel_registrations_in_ten_spellings_are_one_account(wide_api, edge, ways, rounds):
    for number in range(rounds):
        written = spellings(a_fresh_address().partition("@")[0])
        random.shuffle(written)
        # Each round from an address of its own: twenty of them are more than one may have an hour.
        headers = edge.from_address(f"198.18.1.{number}")

        def attempt(way, written=written, headers=headers):
            body = {"email": written[way % len(written)], "password": PASSWORD}
            return wide_api.call("POST", f"{AUTH}/register", json=body, headers=headers)

        answers = all_at_once(ways, attempt)
        created = [answer.json()["data"] for answer in answers if answer.status_code == 201]
        refused = [error_code(answer) for answer in answers if answer.status_code != 201]
        assert Counter(refused) == {"EMAIL_ALREADY_REGISTERED": ways - len(created)}
        # The account of a refused registration exists, so every spelling signs in to it.
        logins = [wide_api.login(spelling).json()["data"] for spelling in written]
        assert len({data["user"]["id"] for data in [*created, *logins]}) == 1
        assert len(created) <= 1


@pytest.mark.parametrize(
    ("ways", "rounds"), [(20, 2), pytest.param(100, 20, marks=pytest.mark.slow)]
)
@pytest.mark.timeout(1800)
def test_parallel_refreshes_rotate_once_and_all_succeed(wide_api, ways, rounds):
    for _ in range(rounds):
        token = wide_api.register().json()["data"]["refresh_token"]
        answers = all_at_once(ways, lambda _, token=token: wide_api.refresh(token))
        assert [answer.status_code for answer in answers] == [200] * ways
        successors = {answer.json()["data"]["refresh_token"] for answer in answers}
        assert len(successors) == 1
        (successor,) = successors
        assert successor.split(".")[2] == "2"
        access_tokens = {answer.json()["data"]["access_token"] for answer in answers}
        assert len(access_tokens) == ways
        assert wide_api.me(random.choice(sorted(access_tokens))).status_code == 200
        assert wide_api.refresh(successor).status_code == 200


@pytest.mark.parametrize("rounds", [20, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.timeout(3600)
def test_revocation_ends_every_refresh_in_flight(wide_api, rounds):
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


def ask_for_an_upload(api, token, content_type="image/png", headers=None):
    body = {"content_type": content_type}
    return api.call("POST", UPLOADS, token=token, json=body, headers=headers)


def test_twenty_parallel_requests_with_one_key_create_one(wide_api):
    """Also the last of the three places for uploads, which the first of them takes."""
    token = wide_api.register().json()["data"]["access_token"]
    for _ in range(2):
        assert ask_for_an_upload(wide_api, token).status_code == 201
    answers = all_at_once(20, lambda _: ask_for_an_upload(wide_api, token, headers=KEY))
    assert [answer.status_code for answer in answers] == [201] * 20
    results = [answer.json()["data"] for answer in answers]
    stable = ("upload_id", "upload_until", "expires_at", "max_bytes", "url")
    assert len({tuple(data[name] for name in stable) for data in results}) == 1
    assert len({data["fields"]["key"] for data in results}) == 1
    assert error_code(ask_for_an_upload(wide_api, token)) == "TOO_MANY_PENDING_UPLOADS"


def test_parallel_requests_with_one_key_and_two_bodies_refuse_one(wide_api):
    token = wide_api.register().json()["data"]["access_token"]
    kinds = ["image/png", "image/webp"] * 10
    answers = all_at_once(20, lambda n: ask_for_an_upload(wide_api, token, kinds[n], KEY))
    created = {kinds[n] for n, answer in enumerate(answers) if answer.status_code == 201}
    assert len(created) == 1
    for kind, answer in zip(kinds, answers, strict=True):
        expected = (201, None) if kind in created else (422, "IDEMPOTENCY_KEY_REUSED")
        assert (answer.status_code, error_code(answer)) == expected
    ids = {answer.json()["data"]["upload_id"] for answer in answers if answer.status_code == 201}
    assert len(ids) == 1

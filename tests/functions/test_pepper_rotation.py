"""Rotation of peppers does not affect signed-in people, unless the old one is dropped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from latchkey.domain.limits import KEY_ACTIVATION_DELAY_SECONDS
from tests.support.person import ME, Person, audit_rows
from tests.support.service import InProcessService


@pytest.fixture
def service():
    return InProcessService()


def rotate(service, **options):
    return service._handler("rotate_signing_keys")({"task": "rotate_pepper", **options}, None)


def refresh(service, token):
    return service.request("POST", "/api/v1/auth/refresh", json_body={"refresh_token": token})


def pepper_of(token):
    return token.split(".")[3]


def sign_in(service, number):
    return service.register(f"p{number}@example.com", token_transport="body").data


def test_rotation_under_load_signs_nobody_out(service):
    tokens = [sign_in(service, number)["refresh_token"] for number in range(8)]

    def live(token):
        statuses = []
        for _ in range(4):
            answer = refresh(service, token)
            statuses.append(answer.status)
            # The one before it still gets the same successor: two tabs, a lost answer.
            statuses.append(refresh(service, token).status)
            token = answer.data["refresh_token"]
            access = answer.data["access_token"]
            statuses.append(service.request("GET", ME, token=access).status)
        return set(statuses), token

    used = set()
    with ThreadPoolExecutor(9) as pool:
        for _ in range(4):
            rotated = pool.submit(rotate, service)
            results = list(pool.map(live, tokens))
            assert set.union(*(statuses for statuses, _ in results)) == {200}
            tokens = [token for _, token in results]
            used |= {pepper_of(token) for token in tokens}
            rotated.result()
            service.clock.advance(seconds=KEY_ACTIVATION_DELAY_SECONDS)
    assert used == {"1", "2", "3", "4"}


def test_session_is_valid_until_the_last_day(service):
    token = sign_in(service, 1)["refresh_token"]
    rotate(service)
    service.clock.advance(days=13, hours=23)
    service._handler("rotate_signing_keys")({}, None)
    answer = refresh(service, token)
    assert answer.status == 200
    assert (pepper_of(token), pepper_of(answer.data["refresh_token"])) == ("1", "2")


def test_old_pepper_is_dropped_when_unused(service):
    token = sign_in(service, 1)["refresh_token"]
    rotate(service)
    idle = service.services.config.idle_timeout
    service.clock.advance(seconds=(idle + timedelta(days=1, hours=1)).total_seconds())
    assert refresh(service, token).code == "SESSION_IDLE_TIMEOUT"
    service._handler("rotate_signing_keys")({}, None)
    assert service.refresh_peppers.find("1") is None
    assert refresh(service, token).code == "REFRESH_TOKEN_INVALID"


def test_tokens_of_a_dropped_pepper_are_refused(service):
    ada = Person(service)
    token = sign_in(service, 1)["refresh_token"]
    service.request("POST", "/api/v1/auth/password/forgot", json_body={"email": ada.email})
    service.work()
    link = service.mailbox.last(ada.email).token
    assert rotate(service, drop=True) == {"refresh": ["2"], "link": ["2"]}
    refused = refresh(service, token)
    assert (refused.status, refused.code) == (401, "REFRESH_TOKEN_INVALID")
    body = {"token": link, "new_password": "a kettle in the monsoon, violet"}
    answer = service.request("POST", "/api/v1/auth/password/reset", json_body=body)
    assert (answer.status, answer.code) == (400, "SINGLE_USE_TOKEN_INVALID")
    # The password still signs in, and new links work.
    fresh = service.login(ada.email, fields={"token_transport": "body"}).data
    assert refresh(service, fresh["refresh_token"]).status == 200


def test_emailed_link_works_after_a_rotation(service):
    ada = Person(service)
    service.request("POST", "/api/v1/auth/password/forgot", json_body={"email": ada.email})
    service.work()
    link = service.mailbox.last(ada.email).token
    rotate(service)
    service.clock.advance(seconds=KEY_ACTIVATION_DELAY_SECONDS + 60)
    body = {"token": link, "new_password": "a kettle in the monsoon, violet"}
    answer = service.request("POST", "/api/v1/auth/password/reset", json_body=body)
    assert answer.status < 300, answer


def test_rotation_is_audited_without_secrets(service):
    rotate(service)
    rows = audit_rows(service, "pepper.rotated")
    assert sorted(target for row in rows for target in row["targets"]) == [
        *("link-1", "link-2"),
        *("refresh-1", "refresh-2"),
    ]
    secrets = [
        p.secret for s in (service.refresh_peppers, service.link_peppers) for p in s._ring.peppers
    ]
    stored = repr(service.table.all_items())
    assert not any(secret.hex() in stored or repr(secret) in stored for secret in secrets)

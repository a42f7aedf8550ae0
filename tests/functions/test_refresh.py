"""Refresh: one rotation, one new token pair, and theft ends only its session."""

from __future__ import annotations

import dataclasses

import pytest

from latchkey.security import refresh_tokens
from latchkey.security.sealing import seal
from latchkey.storage.effects import EffectWriter
from latchkey.storage.sessions import SessionStore
from tests.support.service import IPHONE, PASSWORD, InProcessService

REFRESH = "/api/v1/auth/refresh"
ME = "/api/v1/users/me"


@pytest.fixture
def service():
    return InProcessService()


def refresh(service, token):
    return service.request("POST", REFRESH, json_body={"refresh_token": token})


def test_refresh_returns_the_next_token_pair(service):
    first = service.register().data
    service.clock.advance(minutes=11)
    assert service.request("GET", ME, token=first["access_token"]).code == "TOKEN_EXPIRED"

    second = refresh(service, first["refresh_token"])
    assert second.status == 200
    assert second.data["refresh_token"] != first["refresh_token"]
    assert service.request("GET", ME, token=second.data["access_token"]).status == 200


def test_the_same_token_within_the_grace_period_gets_the_same_successor(service):
    token = service.register().data["refresh_token"]
    successor = refresh(service, token).data
    service.request("GET", ME, token=successor["access_token"])
    service.clock.advance(seconds=30)
    assert refresh(service, token).data["refresh_token"] == successor["refresh_token"]


def test_lost_response_can_be_requested_again_days_later(service):
    token = service.register().data["refresh_token"]
    lost = refresh(service, token).data["refresh_token"]
    service.clock.advance(days=3)
    assert refresh(service, token).data["refresh_token"] == lost


@pytest.mark.parametrize("use", ["access token", "refresh token"])
def test_old_token_is_theft_after_its_successor_was_used(service, use):
    token = service.register().data["refresh_token"]
    phone = service.login(user_agent=IPHONE).data["access_token"]
    successor = refresh(service, token).data
    if use == "access token":
        service.request("GET", ME, token=successor["access_token"])
    else:
        successor = refresh(service, successor["refresh_token"]).data
    service.clock.advance(seconds=31)

    assert refresh(service, token).code == "REFRESH_TOKEN_REUSED"
    service.work()
    assert service.mailbox.last("ada@example.com").letter.subject == "We signed a device out"
    assert service.request("GET", ME, token=successor["access_token"]).code == "SESSION_REVOKED"
    assert refresh(service, successor["refresh_token"]).code == "SESSION_REVOKED"
    assert service.request("GET", ME, token=phone).status == 200


def test_token_two_generations_old_is_always_theft(service):
    token = service.register().data["refresh_token"]
    second = refresh(service, token).data["refresh_token"]
    refresh(service, second)
    assert refresh(service, token).code == "REFRESH_TOKEN_REUSED"


def test_a_signed_out_session_can_not_be_refreshed(service):
    tokens = service.register().data
    service.request("POST", "/api/v1/auth/logout", token=tokens["access_token"])
    refused = refresh(service, tokens["refresh_token"])
    assert (refused.status, refused.code) == (401, "SESSION_REVOKED")


def test_timeouts_have_different_codes(service):
    idle = service.register().data["refresh_token"]
    service.clock.advance(days=14)
    assert refresh(service, idle).code == "SESSION_IDLE_TIMEOUT"

    token = service.login().data["refresh_token"]
    for _ in range(8):
        service.clock.advance(days=11)
        token = refresh(service, token).data["refresh_token"]
    service.clock.advance(days=2)
    assert refresh(service, token).code == "SESSION_EXPIRED"


def test_timeouts_are_accurate_to_the_millisecond(service):
    token = service.register().data["refresh_token"]
    service.clock.advance(days=14, milliseconds=-1)
    assert refresh(service, token).status == 200


@pytest.mark.parametrize(
    "token",
    ["x", "a.b.c", "usr_" + "0" * 26 + ".ses_" + "0" * 26 + ".1." + "A" * 43, "\u0661.\u0661"],
)
def test_foreign_token_is_refused(service, token):
    service.register()
    refused = refresh(service, token)
    assert (refused.status, refused.code) == (401, "REFRESH_TOKEN_INVALID")


def test_forged_refresh_token_is_refused_and_ends_nothing(service):
    tokens = service.register().data
    token = tokens["refresh_token"]
    forged = token[:-2] + ("AA" if not token.endswith("AA") else "BB")
    assert refresh(service, forged).code == "REFRESH_TOKEN_INVALID"
    assert service.request("GET", ME, token=tokens["access_token"]).status == 200


# Cookies -------------------------------------------------------------------------------------


def cookie_login(service):
    service.register()
    answer = service.login(fields={"token_transport": "cookie"})
    assert answer.data["refresh_token"] is None
    refresh_cookie, device_cookie = answer.cookies
    for cookie in (refresh_cookie, device_cookie):
        assert "; Path=/; Secure; HttpOnly; SameSite=Strict" in cookie
        assert cookie.startswith("__Host-")
    return [cookie.partition(";")[0] for cookie in answer.cookies]


def test_a_browser_refreshes_by_cookie_from_our_own_page(service):
    cookies = cookie_login(service)
    origin = {"origin": "https://accounts.test"}
    answer = service.request("POST", REFRESH, cookies=cookies, headers=origin)
    assert answer.status == 200
    assert answer.data["refresh_token"] is None
    assert answer.cookies[0].startswith("__Host-latchkey_refresh=usr_")


@pytest.mark.parametrize("headers", [{}, {"origin": "https://evil.test"}, {"origin": "null"}])
def test_cookie_from_another_origin_is_refused(service, headers):
    cookies = cookie_login(service)
    refused = service.request("POST", REFRESH, cookies=cookies, headers=headers)
    assert (refused.status, refused.code) == (403, "ORIGIN_NOT_ALLOWED")


def test_a_refused_refresh_never_clears_the_cookie(service):
    stale = cookie_login(service)
    origin = {"origin": "https://accounts.test"}
    winner = service.request("POST", REFRESH, cookies=stale, headers=origin)
    fresh = [winner.cookies[0].partition(";")[0]]
    assert service.request("POST", REFRESH, cookies=fresh, headers=origin).status == 200
    refused = service.request("POST", REFRESH, cookies=stale, headers=origin)
    assert refused.status == 401
    assert refused.cookies == []


def test_no_token_at_all_is_refused(service):
    refused = service.request("POST", REFRESH)
    assert (refused.status, refused.code) == (401, "REFRESH_TOKEN_INVALID")


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "https://accounts.test:1"]
)
@pytest.mark.parametrize("operation", ["login", "register"])
def test_cookies_require_an_allowed_origin(service, operation, origin):
    service.register()
    address = "ada@example.com" if operation == "login" else "grace@example.com"
    body = {"email": address, "password": PASSWORD, "token_transport": "cookie"}
    headers = {} if origin is None else {"origin": origin}
    before = len(service.table.all_items())
    answer = service.request(
        "POST", f"/api/v1/auth/{operation}", json_body=body, headers=headers, source_ip="192.0.2.9"
    )
    assert (answer.status, answer.code) == (403, "ORIGIN_NOT_ALLOWED")
    assert answer.cookies == []
    # Only the count of the address's requests is new.
    assert len(service.table.all_items()) == before + 1


# Step-up -------------------------------------------------------------------------------------


def test_refresh_does_not_inherit_a_step_up(service):
    tokens = service.register().data
    service.clock.advance(minutes=6)
    body = {"password": PASSWORD}
    fresh = service.request(
        "POST", "/api/v1/auth/reauthenticate", token=tokens["access_token"], json_body=body
    ).data["access_token"]
    stolen = service.request(
        "POST", REFRESH, json_body={"refresh_token": tokens["refresh_token"]}
    ).data["access_token"]
    change = {"email": "thief@example.com"}
    refused = service.request("POST", f"{ME}/email", token=stolen, json_body=change)
    assert (refused.status, refused.code) == (403, "REAUTHENTICATION_REQUIRED")
    assert service.request("POST", f"{ME}/export", token=fresh).status == 202


def test_reauthentication_gives_a_token_with_a_fresh_auth_time(service):
    token = service.register().data["access_token"]
    service.clock.advance(minutes=9)
    body = {"password": "plum kettle orbits a quiet lake"}
    fresh = service.request("POST", "/api/v1/auth/reauthenticate", token=token, json_body=body)
    assert fresh.status == 200
    assert service.request("GET", ME, token=fresh.data["access_token"]).status == 200

    wrong = {"password": "incorrect horse battery staple"}
    refused = service.request("POST", "/api/v1/auth/reauthenticate", token=token, json_body=wrong)
    assert (refused.status, refused.code) == (401, "INVALID_CREDENTIALS")


def test_token_of_a_generation_that_was_not_issued_yet_ends_the_session(service):
    """A copy of the session's secret and the pepper can mint it. It is no next token."""
    data = service.register().data
    account_id = data["user"]["id"]
    session = SessionStore(service.table, EffectWriter(seal)).find(
        account_id, data["session"]["id"]
    )
    pepper = service.refresh_peppers.current(service.clock.now())
    ahead = dataclasses.replace(session, generation=session.generation + 1)
    assert refresh(service, refresh_tokens.mint(ahead, pepper)).code == "REFRESH_TOKEN_REUSED"
    assert refresh(service, data["refresh_token"]).code == "SESSION_REVOKED"

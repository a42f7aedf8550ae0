"""Ending sessions: one, the others, all, by the limit, by replacement."""

from __future__ import annotations

import pytest

from tests.support.service import IPHONE, InProcessService

ME = "/api/v1/users/me"
SESSIONS = "/api/v1/users/me/sessions"


@pytest.fixture
def service():
    return InProcessService()


def sign_in_many(service, count):
    service.register()
    tokens = []
    for _ in range(count):
        service.clock.advance(seconds=1)
        tokens.append(service.login().data["access_token"])
    return tokens


def statuses(service, tokens):
    return [service.request("GET", ME, token=token).status for token in tokens]


def test_scope_others_keeps_the_current_session(service):
    *others, mine = sign_in_many(service, 4)
    ended = service.request("DELETE", SESSIONS, token=mine)
    assert ended.data == {"terminated_count": 4}
    assert ended.cookies == []
    assert statuses(service, [*others, mine]) == [401, 401, 401, 200]


@pytest.mark.parametrize(
    ("path", "query"), [(SESSIONS, {"scope": "all"}), (f"{SESSIONS}/all", None)]
)
def test_scope_all_ends_the_current_session_and_its_cookie(service, path, query):
    tokens = sign_in_many(service, 3)
    ended = service.request("DELETE", path, token=tokens[0], query=query)
    assert ended.data == {"terminated_count": 4}
    assert ended.cookies[0].startswith("__Host-latchkey_refresh=; Max-Age=0")
    assert statuses(service, tokens) == [401, 401, 401]


def test_an_unknown_scope_is_refused_and_ends_nothing(service):
    tokens = sign_in_many(service, 2)
    refused = service.request("DELETE", SESSIONS, token=tokens[0], query={"scope": "mine"})
    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
    assert refused.body["error"]["details"][0]["field"] == "scope"
    assert statuses(service, tokens) == [200, 200]


def test_least_recently_used_session_is_replaced_at_the_limit(service):
    service = InProcessService(SESSION_LIMIT="3")
    oldest, second, third = sign_in_many(service, 3)
    service.clock.advance(minutes=2)
    assert statuses(service, [oldest, third]) == [200, 200]
    service.clock.advance(minutes=2)
    newest = service.login().data["access_token"]
    assert statuses(service, [oldest, second, third, newest]) == [200, 401, 200, 200]
    listed = service.request("GET", SESSIONS, token=newest)
    assert listed.data["total_count"] == 3


def test_signing_in_again_on_a_device_supersedes_its_session(service):
    service.register()
    first = service.login(fields={"token_transport": "cookie"})
    device = first.cookies[1].partition(";")[0]
    second = service.login(cookies=[device])
    other = service.login(user_agent=IPHONE)
    tokens = [answer.data["access_token"] for answer in (first, second, other)]
    assert statuses(service, tokens) == [401, 200, 200]


def test_revoking_an_ended_or_foreign_session_is_a_404(service):
    mine = service.register().data["access_token"]
    phone = service.login(user_agent=IPHONE).data
    stranger = service.register("eve@example.com").data["session"]["id"]
    path = f"{SESSIONS}/{phone['session']['id']}"
    assert service.request("DELETE", path, token=mine).status == 200
    again = service.request("DELETE", path, token=mine)
    foreign = service.request("DELETE", f"{SESSIONS}/{stranger}", token=mine)
    garbage = service.request("DELETE", f"{SESSIONS}/1", token=mine)
    for refused in (again, foreign, garbage):
        assert (refused.status, refused.code) == (404, "SESSION_NOT_FOUND")


def test_logout_can_be_repeated(service):
    token = service.register().data["access_token"]
    for _ in range(2):
        answer = service.request("POST", "/api/v1/auth/logout", token=token)
        assert answer.status == 200
        assert answer.cookies[0].startswith("__Host-latchkey_refresh=; Max-Age=0")


@pytest.mark.parametrize("seconds", [60, 300])
def test_last_activity_is_recorded_once_per_interval(seconds):
    service = InProcessService(LAST_ACTIVITY_SECONDS=str(seconds))
    tokens = service.register().data
    path = SESSIONS
    start = service.request("GET", path, token=tokens["access_token"]).data["sessions"][0]
    service.clock.advance(seconds=seconds - 1)
    same = service.request("GET", path, token=tokens["access_token"]).data["sessions"][0]
    service.clock.advance(seconds=1)
    later = service.request("GET", path, token=tokens["access_token"]).data["sessions"][0]
    assert same["last_activity"] == start["last_activity"]
    assert later["last_activity"] > start["last_activity"]


@pytest.mark.parametrize("interval", ["60", "900", "3600"])
@pytest.mark.parametrize("idle", [300, 900, 7200])
def test_idle_timeout_is_right_for_every_interval(interval, idle):
    """A used session stays; an unused one ends after the timeout, and at most a fifth earlier."""
    settings = {"SESSION_IDLE_SECONDS": str(idle), "ACCESS_TOKEN_SECONDS": "86400"}
    service = InProcessService(LAST_ACTIVITY_SECONDS=interval, **settings)
    token = service.register().data["access_token"]
    step = idle // 7
    for _ in range(15):
        service.clock.advance(seconds=step)
        assert service.request("GET", SESSIONS, token=token).status == 200
    service.clock.advance(seconds=idle * 4 // 5 - 1)
    assert service.request("GET", SESSIONS, token=token).status == 200
    service.clock.advance(seconds=idle)
    assert service.request("GET", SESSIONS, token=token).code == "SESSION_IDLE_TIMEOUT"


def test_revocation_does_not_wait_for_the_interval():
    service = InProcessService(LAST_ACTIVITY_SECONDS="3600")
    token = service.register().data["access_token"]
    phone = service.login(user_agent=IPHONE).data
    assert service.request("GET", SESSIONS, token=phone["access_token"]).status == 200
    service.request("DELETE", f"{SESSIONS}/{phone['session']['id']}", token=token)
    assert service.request("GET", SESSIONS, token=phone["access_token"]).code == "SESSION_REVOKED"


def test_every_change_leaves_its_audit_row(service):
    token = service.register().data["access_token"]
    service.clock.advance(seconds=1)
    phone = service.login(user_agent=IPHONE).data["session"]["id"]
    service.clock.advance(seconds=1)
    service.request("DELETE", f"{SESSIONS}/{phone}", token=token)
    service.clock.advance(seconds=1)
    service.request("DELETE", f"{SESSIONS}/all", token=token)
    rows = [item for item in service.table.all_items() if "action" in item]
    assert [row["action"] for row in sorted(rows, key=lambda row: row["at"])][2:] == [
        "session.started",
        "session.revoked.by_owner",
        "sessions.revoked.by_owner",
    ]
    assert "203.0.113.7" not in repr(rows)


@pytest.mark.parametrize("method", ["DELETE", "PATCH"])
def test_session_after_its_idle_timeout_is_not_found(method):
    service = InProcessService(SESSION_IDLE_SECONDS="3600")
    service.register()
    phone = service.login(user_agent=IPHONE).data["session"]["id"]
    service.clock.advance(minutes=59)
    token = service.login().data["access_token"]
    service.clock.advance(minutes=1)
    body = {"device_name": "My phone"} if method == "PATCH" else None
    answer = service.request(method, f"{SESSIONS}/{phone}", token=token, json_body=body)
    assert (answer.status, answer.code) == (404, "SESSION_NOT_FOUND")

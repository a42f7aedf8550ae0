"""Searches of administrators in the audit trail, each of which adds a row."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from latchkey.domain.clock import parse_time
from latchkey.domain.ids import floor_of
from latchkey.storage import keys
from latchkey.storage.cursors import write_position
from tests.support.audit import captured_log, log_event
from tests.support.person import Person, audit_rows
from tests.support.service import IPHONE

AUDIT = "/api/v1/audit"


def search(admin, **query):
    answer = admin.get(AUDIT, query=query)
    assert answer.status == 200, answer.body
    return answer.data


def actions(page):
    return [row["action"] for row in page["rows"]]


def test_rows_of_an_account_are_found_by_user_id(service, admin, ada):
    service.clock.advance(minutes=1)
    service.login(user_agent=IPHONE)
    found = search(admin, user_id=ada.id)
    assert actions(found) == [
        "audit.read.by_admin",
        "session.started",
        "session.started",
        "account.registered",
    ]
    assert "203.0.113.7" not in repr(found)


def test_search_is_audited_and_in_the_persons_history(service, admin, ada):
    search(admin, user_id=ada.id)
    (row,) = audit_rows(service, "audit.read.by_admin")
    assert row["session_id"] != ada.session_id
    newest = ada.get("/api/v1/users/me/activity").data["activity"][0]
    assert newest["description"] == "Read this history (by an administrator)"
    assert newest["ip_address"] is None
    assert newest["from_device_name"] is None


def test_rows_of_a_session_are_found_by_session_id(service, admin, ada):
    phone = service.login(user_agent=IPHONE).data["session"]["id"]
    ada.request("DELETE", f"/api/v1/users/me/sessions/{phone}")
    found = search(admin, session_id=phone)
    assert actions(found)[-2:] == ["session.revoked.by_owner", "session.started"]


def test_rows_of_an_action_are_paged_across_days(service, admin):
    for number in range(12):
        Person(service, f"p{number}@example.com")
        service.clock.advance(days=number % 3)
    admin.token = service.login("root@example.com").data["access_token"]
    whole = search(admin, action="account.registered", limit="100", since="2026-01-01T00:00:00Z")
    assert len(whole["rows"]) == 13
    assert [r["at"] for r in whole["rows"]] == sorted(
        (r["at"] for r in whole["rows"]), reverse=True
    )

    paged, cursor = [], None
    for _ in itertools.repeat(None, 20):
        query = {"cursor": cursor} if cursor else {}
        page = search(
            admin,
            action="account.registered",
            limit="3",
            since="2026-01-01T00:00:00Z",
            until="2026-02-01T00:00:00Z",
            **query,
        )
        paged += page["rows"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [row["id"] for row in paged] == [row["id"] for row in whole["rows"]]


def test_system_rows_are_found_by_action(service, admin):
    kids = service._handler("rotate_signing_keys")({"force": True}, None)["kids"]
    (row,) = search(admin, action="signing_key.rotated")["rows"]
    assert (row["subject"], row["actor"], row["targets"]) == (None, "system", kids)


def test_search_of_years_reads_a_month_per_page(service, admin):
    service.clock.advance(days=60)
    admin.token = service.login("root@example.com").data["access_token"]
    period = {"since": "2026-01-01T00:00:00Z", "action": "account.registered"}
    first = search(admin, **period)
    assert first["rows"] == []
    second = search(admin, **period, until="2026-03-03T12:00:00Z")
    assert second["next_cursor"]
    last = search(admin, **period, until="2026-01-20T00:00:00Z")
    assert actions(last) == ["account.registered"]


def test_search_by_time_omits_successful_requests(service, admin, ada):
    with captured_log() as log:
        ada.get()
        assert ada.get("/api/v1/audit").status == 403
    service._handler("record_requests")(log_event(log.getvalue().splitlines()), None)
    assert "request.served" not in actions(search(admin))
    assert "request.refused" in actions(search(admin))
    found = search(admin, user_id=ada.id, kind="requests")
    assert sorted(actions(found)) == ["request.refused", "request.served"]


def test_only_administrators_may_search(service, ada):
    refused = ada.get(AUDIT)
    assert (refused.status, refused.code) == (403, "ADMINISTRATORS_ONLY")


def test_cursor_works_only_for_its_administrator_and_search(service, admin):
    other = Person(service, "other@example.com")
    other.become_admin()
    cursor = search(admin, limit="1", since="2026-01-01T00:00:00Z")["next_cursor"]
    for person, query in ((other, {}), (admin, {"action": "session.started"})):
        refused = person.get(
            AUDIT, query={"cursor": cursor, "since": "2026-01-01T00:00:00Z", **query}
        )
        assert (refused.status, refused.code) == (400, "INVALID_CURSOR")


@pytest.mark.parametrize("kind", ["changes", "requests"])
def test_forged_cursor_reaches_nothing_after_the_period(service, admin, ada, kind):
    """A cursor has no signature. Its position may be years ahead, or beyond the calendar."""
    since, until = service.clock.now(), service.clock.now() + timedelta(minutes=1)
    service.clock.advance(minutes=5)
    service.login(user_agent=IPHONE)
    ada.get("/api/v1/users/me")
    binding = f"time|{admin.id}|None|{since}"
    query = {"since": since.isoformat(), "until": until.isoformat()}
    if kind == "requests":
        subject = service.table.get(keys.account(ada.id))["audit"]["id"]
        binding = f"requests|{admin.id}|{subject}|{since}"
        query |= {"kind": "requests", "user_id": ada.id}
    for at in (service.clock.now() + timedelta(days=1), None):
        position = "7" + "z" * 25 if at is None else floor_of(at)
        found = search(admin, **query, cursor=write_position(position, binding))
        assert all(parse_time(row["at"]) < until for row in found["rows"])
        assert len(found["rows"]) == (5 if kind == "changes" else 0)


@pytest.mark.parametrize(
    "query",
    [
        {"user_id": "usr_x"},
        {"session_id": "usr_01kdx2w3wne4ns8ppdxwvxxxx0"},
        {"action": "nothing.of.the.kind"},
        {"kind": "requests"},
        {"since": "yesterday"},
        {"since": "2026-01-02T03:04:05"},
        {"until": "9999-12-31T23:59:59-12:00"},
        {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"action": "session.started", "session_id": "ses_01kdx2w3wne4ns8ppdxwvxxxx0"},
        {"cursor": "WzEsIngiXQ"},
    ],
)
def test_unsupported_search_is_refused(admin, query):
    assert admin.get(AUDIT, query=query).status == 400

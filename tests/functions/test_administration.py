"""Operations of administrators: searches, ending sessions, roles, and access."""

from __future__ import annotations

from datetime import timedelta

import pytest

from latchkey.domain.errors import AccountNotFound, TemporarilyUnavailable
from latchkey.flows import administration
from latchkey.storage import keys
from latchkey.storage.cursors import write_position
from latchkey.wiring.storage import account_store
from tests.support.administration import HOSTILE_FILTERS
from tests.support.interrupted_table import InterruptedTable
from tests.support.person import ME, Person, audit_rows, set_account
from tests.support.service import ENVIRONMENT, IPHONE, InProcessService

SESSIONS = "/api/v1/sessions"
REVOCATIONS = "/api/v1/sessions/revocations"


def crowd(service, count):
    people = []
    for number in range(count):
        service.clock.advance(seconds=1)
        people.append(Person(service, f"p{number:03}@example.com"))
    return people


def all_pages(person, path, name, **query):
    found, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        answer = person.get(path, query={**query, **more})
        assert answer.status == 200, answer
        found += answer.data[name]
        cursor = answer.data["next_cursor"]
        if cursor is None:
            return found


def test_accounts_are_listed_newest_first_without_repetition(service, admin):
    crowd(service, 7)
    found = all_pages(admin, "/api/v1/users", "users", limit="3")
    emails = [user["email"] for user in found]
    assert emails == [f"p{number:03}@example.com" for number in reversed(range(7))] + [admin.email]


def test_accounts_are_found_by_address_prefix(service, admin):
    crowd(service, 4)
    found = all_pages(admin, "/api/v1/users", "users", email_prefix="P00", limit="2")
    assert [user["email"] for user in found] == [f"p{n:03}@example.com" for n in range(4)]


def test_accounts_are_found_by_status_and_time(service, admin):
    people = crowd(service, 4)
    admin.request("POST", f"/api/v1/users/{people[2].id}/suspend")
    (one,) = all_pages(admin, "/api/v1/users", "users", status="suspended")
    assert one["id"] == people[2].id
    since = people[1].get().data["created_at"]
    found = all_pages(admin, "/api/v1/users", "users", created_from=since, status="active")
    assert [user["id"] for user in found] == [people[3].id, people[1].id]


def test_users_of_every_status_are_listed_together_by_default(service, admin):
    people = crowd(service, 7)
    admin.request("POST", f"/api/v1/users/{people[2].id}/suspend")
    admin.request("DELETE", f"/api/v1/users/{people[4].id}")
    admin.request("DELETE", f"/api/v1/users/{people[5].id}", query={"hard": "true"})
    listed = [p.id for n, p in enumerate(people) if n != 5]
    for limit in ("1", "2", "3", "100"):
        found = all_pages(admin, "/api/v1/users", "users", limit=limit)
        assert [user["id"] for user in found] == [*reversed(listed), admin.id]
    since = people[3].get().data["created_at"]
    found = all_pages(admin, "/api/v1/users", "users", limit="2", created_from=since)
    assert [user["id"] for user in found] == [people[6].id, people[4].id, people[3].id]


def test_prefix_search_finds_a_deleted_account(service, admin):
    people = crowd(service, 2)
    admin.request("DELETE", f"/api/v1/users/{people[1].id}")
    (found,) = all_pages(admin, "/api/v1/users", "users", email_prefix="p001")
    assert (found["id"], found["status"]) == (people[1].id, "deleted")
    query = {"email_prefix": "p001", "status": "active"}
    assert all_pages(admin, "/api/v1/users", "users", **query) == []


@pytest.mark.parametrize("position", ["", "x", "0", "9" * 2000, "~", "\x00"])
def test_made_up_cursor_of_the_merged_list_is_refused(service, admin, position):
    crowd(service, 2)
    for cursor in (position, write_position(position, f"every state|{admin.id}|x")):
        answer = admin.get("/api/v1/users", query={"cursor": cursor})
        assert (answer.status, answer.code) == (400, "INVALID_CURSOR")


def test_cursor_works_only_for_its_caller_and_filter(service, admin):
    crowd(service, 4)
    cursor = admin.get("/api/v1/users", query={"limit": "2"}).data["next_cursor"]
    wrong = {"limit": "2", "cursor": cursor, "created_from": "2020-01-01T00:00:00Z"}
    assert admin.get("/api/v1/users", query=wrong).code == "INVALID_CURSOR"
    other = Person(service, "other@example.com")
    other.become_admin()
    mine = {"limit": "2", "cursor": cursor}
    assert other.get("/api/v1/users", query=mine).code == "INVALID_CURSOR"
    assert admin.get("/api/v1/users", query=mine).status == 200


@pytest.mark.parametrize(
    ("network", "found"),
    [
        ("198.51.100.9", 1),
        ("198.51.100.0/24", 3),
        ("198.51.0.0/16", 4),
        ("198.51.100.0/30", 2),
        ("2001:db8::/32", 1),
        ("2001:db8::1", 1),
        ("192.0.2.0/24", 0),
    ],
)
def test_sessions_are_found_by_address_and_network(service, admin, network, found):
    ada = Person(service)
    for ip in ("198.51.100.1", "198.51.100.2", "198.51.100.9", "198.51.7.7", "2001:db8::1"):
        service.login(source_ip=ip)
    sessions = all_pages(admin, SESSIONS, "sessions", ip=network, limit="2")
    assert len(sessions) == found
    assert {session["user_id"] for session in sessions} <= {ada.id}


@pytest.mark.parametrize("network", ["10.0.0.0/8", "2001::/16", "elsewhere", "1.2.3.4/99"])
def test_invalid_or_too_wide_network_is_refused(admin, network):
    assert admin.get(SESSIONS, query={"ip": network}).code == "VALIDATION_ERROR"


def test_sessions_are_found_by_country_and_time(service, admin):
    Person(service)
    started = {}
    for country, ip in (("DE", "9.9.9.9"), ("FR", "8.8.8.8"), ("de", "1.1.1.1")):
        service.clock.advance(minutes=1)
        started[country] = service.clock.now().isoformat()
        headers = {
            "x-latchkey-edge": ENVIRONMENT["EDGE_SECRET"],
            "cloudfront-viewer-address": f"{ip}:443",
            "cloudfront-viewer-country": country.upper(),
        }
        assert service.login(headers=headers).status == 200

    def found(**query):
        sessions = all_pages(admin, SESSIONS, "sessions", **query)
        return [session["ip_address"] for session in sessions]

    assert found(country="DE") == found(country="de") == ["1.1.1.1", "9.9.9.9"]
    assert found(country="IT") == []
    assert found(created_from=started["FR"]) == ["1.1.1.1", "8.8.8.8"]
    assert found(created_from=started["FR"], created_to=started["FR"]) == ["8.8.8.8"]
    assert found(created_to=started["FR"], country="DE") == ["9.9.9.9"]
    tried = admin.request("POST", REVOCATIONS, json_body={"country": "FR"}).data
    assert [session["ip_address"] for session in tried["sample"]] == ["8.8.8.8"]


def test_filters_by_user_and_network_are_combined(service, admin):
    ada = Person(service)
    for ip in ("198.51.100.1", "198.51.7.7", "2001:db8::1"):
        service.login(source_ip=ip)
    criteria = {"user_id": ada.id, "ip": "198.51.100.0/24"}
    (one,) = all_pages(admin, SESSIONS, "sessions", **criteria)
    assert one["ip_address"] == "198.51.100.1"
    tried = admin.request("POST", REVOCATIONS, json_body=criteria).data
    assert tried["count"] == 1
    real = {**criteria, "dry_run": False, "confirmation": tried["confirmation"]}
    assert admin.request("POST", REVOCATIONS, json_body=real).data["count"] == 1
    assert len(all_pages(admin, SESSIONS, "sessions", user_id=ada.id)) == 3


def test_invalid_filter_is_refused(admin):
    sent = [("GET", SESSIONS, {"query": criteria}) for criteria in HOSTILE_FILTERS]
    sent += [("POST", REVOCATIONS, {"json_body": criteria}) for criteria in HOSTILE_FILTERS]
    answers = [admin.request(method, path, **options) for method, path, options in sent]
    passed = [
        (answer.status, *what)
        for what, answer in zip(sent, answers, strict=True)
        if answer.status != 400 or answer.code != "VALIDATION_ERROR"
    ]
    assert passed == []


def test_empty_filter_ends_no_sessions(service, admin):
    answer = admin.request("POST", REVOCATIONS, json_body={})
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")


def test_sessions_are_found_by_user_device_and_state(service, admin):
    ada = Person(service)
    service.login(user_agent=IPHONE)
    assert len(all_pages(admin, SESSIONS, "sessions", user_id=ada.id)) == 2
    (phone,) = all_pages(admin, SESSIONS, "sessions", user_id=ada.id, device="safari")
    ada.request("DELETE", f"{ME}/sessions/{phone['id']}")
    assert all_pages(admin, SESSIONS, "sessions", device="safari") == []
    (ended,) = all_pages(admin, SESSIONS, "sessions", device="safari", state="ended")
    assert ended["end_reason"] == "revoked"
    assert ended["id"] == phone["id"]


def test_search_is_audited_with_the_actor_and_without_the_terms(service, admin):
    admin.get(SESSIONS, query={"ip": "198.51.100.0/24"})
    (row,) = audit_rows(service, "sessions.searched.by_admin")
    assert row["actor"] == row["pk"].removeprefix("SUBJECT#")
    assert set(row["changed"]) == {"filter:ip", "filter:state"}
    assert "198.51" not in str(row)


def test_revocation_requires_a_dry_run_first(service, admin):
    people = crowd(service, 5)
    body = {"created_from": people[1].get().data["created_at"]}
    assert (
        admin.request("POST", REVOCATIONS, json_body={**body, "dry_run": False}).code
        == "REVOCATION_NOT_CONFIRMED"
    )
    tried = admin.request("POST", REVOCATIONS, json_body=body).data
    assert tried["count"] == 4
    assert len(tried["sample"]) == 4
    assert people[1].get().status == 200
    real = {**body, "dry_run": False, "confirmation": tried["confirmation"]}
    other = {**real, "country": "DE"}
    assert admin.request("POST", REVOCATIONS, json_body=other).code == "REVOCATION_NOT_CONFIRMED"
    second = Person(service, "second@example.com")
    second.become_admin()
    assert second.request("POST", REVOCATIONS, json_body=real).code == "REVOCATION_NOT_CONFIRMED"
    done = admin.request("POST", REVOCATIONS, json_body=real).data
    # The second administrator has signed in since, twice.
    assert (done["count"], done["is_complete"]) == (6, True)
    assert people[0].get().status == 200
    assert [p.get().code for p in people[1:]] == ["SESSION_REVOKED"] * 4
    assert admin.get().status == 200
    assert admin.request("POST", REVOCATIONS, json_body=real).code == "REVOCATION_NOT_CONFIRMED"


def test_confirmation_alone_ends_the_sessions(service, admin):
    ada = Person(service)
    criteria = {"user_id": ada.id}
    tried = admin.request("POST", REVOCATIONS, json_body=criteria).data
    confirmed = {**criteria, "confirmation": tried["confirmation"], "reason": "Incident"}
    done = admin.request("POST", REVOCATIONS, json_body=confirmed).data
    assert (done["count"], done["confirmation"]) == (1, None)
    assert ada.get().code == "SESSION_REVOKED"
    (row,) = audit_rows(service, "sessions.revoked.by_admin")
    assert row["targets"] == [ada.session_id]


def test_session_that_ended_during_the_revocation_is_not_counted():
    table = InterruptedTable()
    service = InProcessService(table=table)
    admin = Person(service, "boss@example.com")
    admin.become_admin()
    ada, eve = Person(service), Person(service, "eve@example.com")
    # An active session stays: only that of the dry run has ended.
    service.login(ada.email, source_ip="198.51.100.1")
    criteria = {"ip": "203.0.113.0/24", "device": "Chrome"}
    tried = admin.request("POST", REVOCATIONS, json_body=criteria).data
    confirmed = {**criteria, "confirmation": tried["confirmation"]}
    table.before_query(
        keys.account_partition(ada.id), lambda: ada.request("POST", "/api/v1/auth/logout")
    )
    done = admin.request("POST", REVOCATIONS, json_body=confirmed).data
    assert table.interruptions == 1
    assert done["count"] == tried["count"] - 1
    assert ada.get().code == "SESSION_REVOKED"
    assert eve.get().code == "SESSION_REVOKED"
    assert len(audit_rows(service, "sessions.revoked.by_admin")) == done["count"]


def test_dry_run_with_a_confirmation_is_refused(service, admin):
    ada = Person(service)
    tried = admin.request("POST", REVOCATIONS, json_body={"user_id": ada.id}).data
    body = {"user_id": ada.id, "dry_run": True, "confirmation": tried["confirmation"]}
    answer = admin.request("POST", REVOCATIONS, json_body=body)
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert ada.get().status == 200


def test_confirmation_expires_after_ten_minutes(service, admin):
    tried = admin.request("POST", REVOCATIONS, json_body={"device": "Chrome"}).data
    service.clock.advance(minutes=9)
    service.clock.advance(minutes=2)
    token = service.login(admin.email).data["access_token"]
    body = {"device": "Chrome", "dry_run": False, "confirmation": tried["confirmation"]}
    answer = service.request("POST", REVOCATIONS, json_body=body, token=token)
    assert answer.code == "REVOCATION_NOT_CONFIRMED"


def test_administrator_lists_and_ends_sessions_of_a_user(service, admin):
    ada = Person(service)
    path = f"/api/v1/users/{ada.id}/sessions"
    assert admin.get(path).data["total_count"] == 1
    assert admin.request("DELETE", path).data["terminated_count"] == 1
    assert ada.get().code == "SESSION_REVOKED"


def test_role_applies_from_the_next_request(service, admin):
    ada = Person(service)
    path = f"/api/v1/users/{ada.id}/role"
    assert ada.get("/api/v1/users").code == "ADMINISTRATORS_ONLY"
    assert admin.request("PUT", path, json_body={"role": "admin"}).data["role"] == "admin"
    assert ada.get("/api/v1/users").status == 200
    assert ada.request("PUT", path, json_body={"role": "user"}).data["role"] == "user"
    assert ada.get("/api/v1/users").code == "ADMINISTRATORS_ONLY"
    own = f"/api/v1/users/{admin.id}/role"
    assert admin.request("PUT", own, json_body={"role": "user"}).code == "LAST_ADMINISTRATOR"


@pytest.mark.parametrize(
    ("method", "action", "options"),
    [
        ("PUT", "/role", {"json_body": {"role": "user"}}),
        ("POST", "/suspend", {}),
        ("DELETE", "", {}),
        ("DELETE", "", {"query": {"hard": "true"}}),
    ],
)
def test_two_administrators_who_demote_each_other_leave_one(
    service, admin, method, action, options
):
    other = Person(service)
    other.become_admin()
    transact, answers = service.table.transact, []

    def remove(one, another):
        path = f"/api/v1/users/{another.id}{action}"
        return one.request(method, path, **options)

    def overtaken(writes):
        if not answers and any(write.key == keys.administrators() for write in writes):
            answers.append(None)
            answers.append(remove(other, admin))
        transact(writes)

    service.table.transact = overtaken
    answer = remove(admin, other)
    assert answers[1].status == 200
    # Who has just lost the role may not change anybody's.
    refused = (403, "ADMINISTRATORS_ONLY") if action == "/role" else (409, "LAST_ADMINISTRATOR")
    assert (answer.status, answer.code) == refused
    assert other.get("/api/v1/users").status == 200
    assert admin.get("/api/v1/users").status in {401, 403}


def test_role_change_requires_recent_authentication(service, admin):
    service.clock.advance(minutes=6)
    path = f"/api/v1/users/{admin.id}/role"
    answer = admin.request("PUT", path, json_body={"role": "user"})
    assert answer.code == "REAUTHENTICATION_REQUIRED"


def test_the_first_administrator_comes_from_the_operator(service):
    ada = Person(service)
    grant = service._handler("grant_admin")
    assert grant({"email": "Ada@Example.com"}) == {"id": ada.id, "role": "admin"}
    assert ada.get("/api/v1/users").status == 200
    (row,) = audit_rows(service, "role.changed.by_operator")
    assert row["actor"] == "system"
    assert ada.request("DELETE", ME).code == "LAST_ADMINISTRATOR"
    with pytest.raises(AccountNotFound):
        grant({"email": "nobody@example.com"})


def test_operator_makes_no_suspended_account_an_administrator(service):
    ada = Person(service)
    set_account(service.table, ada, status="suspended")
    with pytest.raises(AccountNotFound):
        service._handler("grant_admin")({"email": ada.email})
    assert audit_rows(service, "role.changed.by_operator") == []


def test_use_of_a_session_writes_no_index(service):
    ada = Person(service)
    before = [i for i in service.table.all_items() if i.get("id") == ada.session_id]
    service.clock.advance(minutes=2)
    ada.get()
    after = [i for i in service.table.all_items() if i.get("id") == ada.session_id]
    changed = {name for name in after[0] if after[0][name] != before[0].get(name)}
    assert changed - {"used_generation"} == {"last_activity_at", "last_use"}


# The trail of looking ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "action"),
    [
        ("", "profile.read.by_admin"),
        ("/preferences", "preferences.read.by_admin"),
        ("/sessions", "sessions.read.by_admin"),
    ],
)
def test_read_by_an_administrator_is_in_the_owners_history(service, admin, what, action):
    ada = Person(service)
    if what != "/sessions":
        assert ada.get(f"/api/v1/users/{ada.id}{what}").status == 200
    assert audit_rows(service, action) == []
    assert admin.get(f"/api/v1/users/{ada.id}{what}").status == 200
    (row,) = audit_rows(service, action)
    account = service.services[account_store].get(admin.id)
    assert row["actor"] == account.audit.id
    (entry,) = [e for e in ada.get(f"{ME}/activity").data["activity"] if e["action"] == action]
    assert "(by an administrator)" in entry["description"]


def test_read_by_an_administrator_fails_if_it_cannot_be_audited(service, admin):
    ada = Person(service)
    transact = service.table.transact
    service.table.transact = unavailable
    for what in ("", "/preferences", "/sessions"):
        assert admin.get(f"/api/v1/users/{ada.id}{what}").status == 503
    service.table.transact = transact
    assert admin.get(f"/api/v1/users/{ada.id}").status == 200


def test_replacing_a_profile_with_itself_is_audited_as_a_read(service, admin):
    ada = Person(service)
    profile = {"full_name": "Ada King"}
    assert admin.put(ada.id, profile).status == 200
    assert audit_rows(service, "profile.read.by_admin") == []
    assert admin.put(ada.id, profile).status == 200
    assert len(audit_rows(service, "profile.read.by_admin")) == 1


def unavailable(_writes):
    raise TemporarilyUnavailable(retry_after_seconds=2)


NOT_RFC_3339 = [
    "2026-W01-1T00:00:00Z",
    "20260101T000000Z",
    "2026-01-01 00:00:00Z",
    "2026-01-01T00:00Z",
    "2026-01-01",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00,5Z",
    "2026-01-01T24:00:00Z",
    "2026-02-30T00:00:00Z",
    "1999-12-31T23:59:59Z",
    "1767225600",
]


@pytest.mark.parametrize("time", NOT_RFC_3339)
def test_time_outside_rfc_3339_is_refused(service, time):
    admin = Person(service)
    admin.become_admin()
    for path in ("/api/v1/users", "/api/v1/sessions"):
        answer = admin.get(path, query={"created_from": time})
        assert answer.status == 400
        assert answer.body["error"]["details"][0]["code"] == "NOT_A_TIME"
    body = {"created_from": time}
    answer = admin.request("POST", REVOCATIONS, json_body=body)
    assert answer.body["error"]["details"][0]["code"] == "NOT_A_TIME"


@pytest.mark.parametrize(
    "time", ["2026-01-01T00:00:00Z", "2026-01-01t00:00:00.123456789z", "2026-01-01T00:00:00-05:30"]
)
def test_every_format_of_rfc_3339_is_accepted(service, time):
    admin = Person(service)
    admin.become_admin()
    assert admin.get("/api/v1/users", query={"created_from": time}).status == 200


def test_search_for_replacement_characters_is_refused(service):
    admin = Person(service)
    admin.become_admin()
    for query in ({"device": "Zo\ufffd"}, {"cursor": "\ufffd"}):
        answer = admin.get("/api/v1/sessions", query=query)
        assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")


def test_filter_of_nulls_is_refused(service):
    admin = Person(service)
    admin.become_admin()
    for body in ({}, {"user_id": None}, {"created_from": None, "ip": None, "reason": "because"}):
        answer = admin.request("POST", REVOCATIONS, json_body=body)
        assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
        assert answer.body["error"]["details"][0]["code"] == "REQUIRED"
    assert admin.request("POST", REVOCATIONS).status == 400


def test_addresses_are_found_within_a_time(service, admin):
    crowd(service, 3)
    second = service.clock.now() - timedelta(seconds=1)
    bounds = {name: second.isoformat() for name in ("created_from", "created_to")}
    found = all_pages(admin, "/api/v1/users", "users", email_prefix="p00", **bounds)
    assert [user["email"] for user in found] == ["p001@example.com"]


def test_revocation_ends_sessions_on_every_page_of_its_search(service, admin):
    for person in crowd(service, 3):
        for number in range(35):
            service.login(person.email, user_agent=f"curl/8.{number}")
    body = {"ip": "203.0.113.0/24"}
    tried = admin.request("POST", REVOCATIONS, json_body={**body, "dry_run": True}).data
    assert tried["count"] > 100
    body["confirmation"] = tried["confirmation"]
    done = admin.request("POST", REVOCATIONS, json_body=body).data
    assert done["count"] == tried["count"]
    assert done["is_complete"] is True
    (left,) = admin.get(SESSIONS, query={"ip": "203.0.113.0/24"}).data["sessions"]
    assert left["user_id"] == admin.id


def test_search_for_sessions_to_end_stops_after_some_pages(service, admin, monkeypatch):
    """The next request goes on, with the same confirmation."""
    monkeypatch.setattr(administration, "REVOCATION_PAGES", 1)
    monkeypatch.setattr(administration, "PAGE_MAX_ITEMS", 3)
    crowd(service, 5)
    body = {"ip": "203.0.113.0/24"}
    tried = admin.request("POST", REVOCATIONS, json_body=body).data
    assert tried["is_complete"] is False
    body["confirmation"] = tried["confirmation"]
    ended, rounds = 0, 0
    while rounds < 10:
        done = admin.request("POST", REVOCATIONS, json_body=body).data
        ended, rounds = ended + done["count"], rounds + 1
        if done["is_complete"]:
            break
    assert rounds > 1
    assert ended == 6  # with the other device of the administrator

"""Deletion, suspension and restoration, complete before the response."""

from __future__ import annotations

import pytest

from latchkey.domain.limits import SESSION_LIMIT_MAX
from latchkey.storage import keys
from latchkey.storage.table import Put
from latchkey.wiring.upkeep import erasure
from tests.support.person import ME, Person, audit_rows, stored_items
from tests.support.service import PASSWORD, InProcessService

DAY = 24 * 3600


def user(person, action=""):
    return f"/api/v1/users/{person.id}{action}"


def test_deletion_signs_out_before_the_response(service, ada):
    other = service.login().data["access_token"]
    answer = ada.request("DELETE", ME)
    assert answer.status == 200
    assert answer.body == {
        "success": True,
        "data": {
            "deleted_at": "2026-01-02T03:04:05.000Z",
            "purge_at": "2026-02-01T03:04:05.000Z",
        },
        "message": "Account deleted successfully.",
    }
    assert any("Max-Age=0" in cookie for cookie in answer.cookies)
    for token in (ada.token, other):
        answer = service.request("GET", ME, token=token)
        assert (answer.status, answer.code) == (401, "ACCOUNT_DELETED")
    (row,) = audit_rows(service, "account.deleted")
    assert row["actor"] == row["pk"].removeprefix("SUBJECT#")


def test_deletion_is_revealed_only_with_the_right_password(service, ada):
    ada.request("DELETE", ME)
    right, wrong = service.login(), service.login(fields={"password": "not at all, my friend"})
    assert (right.status, right.code) == (403, "ACCOUNT_DELETED")
    assert "until 2026-02-01 03:04 UTC" in right.body["error"]["message"]
    plain = service.login(headers={"accept": "application/problem+json"})
    assert "until 2026-02-01 03:04 UTC" in plain.body["detail"]
    assert (wrong.status, wrong.code) == (401, "INVALID_CREDENTIALS")


def test_the_address_stays_taken_through_the_grace_period(service, ada):
    ada.request("DELETE", ME)
    service.clock.advance(days=29)
    assert service.register().code == "EMAIL_ALREADY_REGISTERED"


def test_deletion_email_is_in_the_same_transaction(service, ada):
    ada.request("DELETE", ME)
    service.work()
    letter = service.mailbox.sent[-1].letter
    assert letter.subject == "Your account was deleted"
    assert "1 February 2026" in letter.text
    assert "token=" not in letter.text
    assert "an administrator of Latchkey can restore it" in letter.text


@pytest.mark.parametrize("contact", ["help@example.com", "https://example.com/help"])
def test_mails_name_the_support_contact(contact):
    service = InProcessService(SUPPORT_CONTACT=contact)
    Person(service).request("DELETE", ME)
    service.work()
    letter = service.mailbox.sent[-1].letter
    for text in (letter.text, letter.html):
        assert f"contact {contact} before that day" in " ".join(text.split())
        assert f"Questions: {contact}" in " ".join(text.split())


@pytest.mark.parametrize("query", [{}, {"hard": "true"}])
def test_deletion_requires_recent_authentication(service, ada, query):
    service.clock.advance(minutes=6)
    before = stored_items(service)
    answer = ada.request("DELETE", ME, query=query)
    assert (answer.status, answer.code) == (403, "REAUTHENTICATION_REQUIRED")
    assert stored_items(service) == before


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("POST /suspend", None),
        ("POST /unsuspend", None),
        ("POST /restore", None),
        ("DELETE ", None),
        ("DELETE /sessions", None),
        ("PUT /role", {"role": "admin"}),
        ("PUT ", {"full_name": "Ada"}),
        ("PUT /preferences", {"wifi": True}),
        ("DELETE /preferences", None),
    ],
)
def test_change_of_another_account_requires_recent_authentication(
    service, ada, admin, operation, body
):
    method, suffix = operation.split(" ")
    service.clock.advance(minutes=6)
    before = stored_items(service)
    answer = admin.request(method, user(ada, suffix), json_body=body)
    assert (answer.status, answer.code) == (403, "REAUTHENTICATION_REQUIRED")
    assert stored_items(service) == before


def test_own_profile_and_preferences_need_no_recent_authentication(service, ada):
    service.clock.advance(minutes=6)
    assert ada.request("PUT", user(ada), json_body={"full_name": "Ada"}).status == 200
    assert ada.request("PUT", user(ada, "/preferences"), json_body={"wifi": True}).status == 200


@pytest.mark.parametrize(
    ("operation", "options"),
    [
        ("POST /suspend account.suspended.by_admin", {"json_body": {"reason": "Spam"}}),
        ("PUT /role role.changed.by_admin", {"json_body": {"role": "admin", "reason": "Spam"}}),
        ("DELETE /sessions sessions.revoked.by_admin", {"query": {"reason": "Spam"}}),
        ("DELETE /preferences preferences.reset.by_admin", {"query": {"reason": "Spam"}}),
    ],
)
def test_reason_of_an_administrator_is_kept_sealed(service, ada, admin, operation, options):
    method, suffix, action = operation.split(" ")
    assert admin.request(method, user(ada, suffix), **options).status == 200
    (stored,) = audit_rows(service, action)
    assert "Spam" not in str(stored)
    (row,) = [
        row
        for row in admin.get("/api/v1/audit", query={"user_id": ada.id}).data["rows"]
        if row["action"] == action
    ]
    assert row["given_reason"] == "Spam"


def test_person_reads_the_reason_in_their_history(service, ada, admin):
    path = user(ada, "/sessions")
    assert admin.request("DELETE", path, query={"reason": "Stolen phone"}).status == 200
    token = service.login().data["access_token"]
    history = service.request("GET", f"{ME}/activity", token=token).data["activity"]
    (entry,) = [e for e in history if e["action"] == "sessions.revoked.by_admin"]
    assert entry["reason"] == "Stolen phone"


@pytest.mark.parametrize("reason", ["", "x" * 201, "a\nb", 7])
def test_malformed_reason_is_refused(service, ada, admin, reason):
    answer = admin.request("POST", user(ada, "/suspend"), json_body={"reason": reason})
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert ada.get().status == 200


def test_hard_deletion_cannot_be_restored(service, ada, admin):
    answer = ada.request("DELETE", ME, query={"hard": "true"})
    assert answer.data["deleted_at"] == answer.data["purge_at"]
    assert admin.request("POST", user(ada, "/restore")).code == "ERASURE_STARTED"
    refused = service.login()
    assert refused.code == "ACCOUNT_DELETED"
    assert refused.body["error"]["message"] == "This account has been deleted."


def test_administrator_restores_until_the_erasure_begins(service, ada, admin):
    ada.request("DELETE", ME)
    service.clock.advance(days=29)
    boss = service.login(admin.email).data["access_token"]
    answer = service.request("POST", user(ada, "/restore"), token=boss)
    assert answer.data["status"] == "active"
    assert answer.data["purge_at"] is None
    assert service.login().status == 200
    assert service.table.get(keys.deletion(ada.id)) is None
    (row,) = audit_rows(service, "account.restored.by_admin")
    assert row["actor"] != row["pk"].removeprefix("SUBJECT#")
    service.clock.advance(days=40)
    assert service.services[erasure].start_due(service.clock.now()) == 0


def test_restored_account_is_still_suspended(service, ada, admin):
    admin.request("POST", user(ada, "/suspend"))
    admin.request("DELETE", user(ada))
    assert service.login().code == "ACCOUNT_DELETED"
    assert admin.request("POST", user(ada, "/restore")).data["status"] == "suspended"
    assert service.login().code == "ACCOUNT_SUSPENDED"
    assert admin.request("POST", user(ada, "/unsuspend")).data["status"] == "active"
    assert service.login().status == 200


def test_unsuspending_does_not_restore_a_deleted_account(service, ada, admin):
    admin.request("POST", user(ada, "/suspend"))
    admin.request("DELETE", user(ada))
    assert admin.request("POST", user(ada, "/unsuspend")).data["status"] == "deleted"
    assert service.login().code == "ACCOUNT_DELETED"


def test_suspension_ends_sessions_and_refuses_sign_in(service, ada, admin):
    refresh = service.login().data["refresh_token"]
    assert admin.request("POST", user(ada, "/suspend")).data["status"] == "suspended"
    assert (ada.get().status, ada.get().code) == (401, "ACCOUNT_SUSPENDED")
    body = {"refresh_token": refresh}
    answer = service.request("POST", "/api/v1/auth/refresh", json_body=body)
    assert (answer.status, answer.code) == (401, "ACCOUNT_SUSPENDED")
    assert service.login().code == "ACCOUNT_SUSPENDED"
    assert admin.request("POST", user(ada, "/suspend")).status == 200
    assert len(audit_rows(service, "account.suspended.by_admin")) == 1


@pytest.mark.parametrize("action", ["/suspend", "/unsuspend", "/restore"])
def test_operations_require_an_administrator(service, ada, admin, action):
    assert ada.request("POST", user(admin, action)).code == "ADMINISTRATORS_ONLY"
    assert ada.request("POST", user(ada, action)).code == "ADMINISTRATORS_ONLY"


def test_account_of_another_person_cannot_be_deleted(service, ada):
    grace = Person(service, "grace@example.com")
    assert ada.request("DELETE", user(grace)).code == "ACCOUNT_NOT_FOUND"
    assert grace.get().status == 200


def test_last_administrator_cannot_be_removed(service, ada, admin):
    for method, path in (
        ("DELETE", ME),
        ("DELETE", user(admin)),
        ("POST", user(admin, "/suspend")),
    ):
        answer = admin.request(method, path)
        assert (answer.status, answer.code) == (409, "LAST_ADMINISTRATOR")
    assert admin.get().status == 200
    ada.become_admin()
    assert admin.request("POST", user(ada, "/suspend")).status == 200
    assert admin.request("DELETE", ME).code == "LAST_ADMINISTRATOR"
    assert admin.request("POST", user(ada, "/unsuspend")).status == 200
    assert admin.request("DELETE", ME).status == 200


def test_second_deletion_keeps_the_first_date(service, ada, admin):
    first = ada.request("DELETE", ME).data
    service.clock.advance(minutes=1)
    assert admin.request("DELETE", user(ada)).data == first
    hard = admin.request("DELETE", user(ada), query={"hard": "true"})
    assert hard.data["deleted_at"] == first["deleted_at"]
    assert hard.data["purge_at"] < first["purge_at"]


def test_concurrent_sign_in_is_ended_by_the_deletion(service, ada):
    listed = service.table.query
    signed_in = []

    def racing(query):
        page = listed(query)
        if query.prefix == keys.SESSION_PREFIX and not signed_in:
            signed_in.append(None)
            signed_in.append(service.login().data["access_token"])
        return page

    service.table.query = racing
    assert ada.request("DELETE", ME).status == 200
    assert service.request("GET", ME, token=signed_in[1]).code == "ACCOUNT_DELETED"
    assert PASSWORD


@pytest.mark.parametrize(("method", "action"), [("DELETE", ""), ("POST", "/suspend")])
def test_maximum_number_of_sessions_ends_in_one_transaction(service, ada, admin, method, action):
    """DynamoDB takes 100 actions: 90 sessions, the account, the trail, the order, the mail."""
    (item,) = [i for i in service.table.all_items() if i.get("id") == ada.session_id]
    for number in range(SESSION_LIMIT_MAX - 1):
        key = keys.session(ada.id, f"ses_{number:026}")
        service.table.put(Put(key, {**item, "id": f"ses_{number:026}", "sk": key.sk}))
    transact, sizes = service.table.transact, []

    def counting(writes):
        sizes.append(len(writes))
        transact(writes)

    service.table.transact = counting
    assert admin.request(method, user(ada, action)).status == 200
    assert SESSION_LIMIT_MAX < max(sizes) <= 100
    sessions = [i for i in service.table.all_items() if i.get("account_id") == ada.id]
    sessions = [i for i in sessions if str(i["sk"]).startswith("SESSION#")]
    assert len(sessions) == SESSION_LIMIT_MAX
    assert [i for i in sessions if "ended_at" not in i] == []

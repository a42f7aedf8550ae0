"""People of other issuers: devices, revocation, step-up, export, deletion and erasure."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import ClassVar, override

import pytest

from latchkey.domain.limits import ENDED_SESSIONS_KEPT, EXTERNAL_SIGN_IN_MAX_DAYS
from latchkey.security.external_tokens import usable_jwk
from latchkey.storage import keys
from latchkey.storage.issuers import IssuerStore
from latchkey.wiring.issuers import issuer_keyring
from tests.support.interrupted_table import InterruptedTable
from tests.support.issuer import ENTRIES, IssuerClient, public_jwk, trusted
from tests.support.person import Person, audit_rows
from tests.support.service import IPHONE, InProcessService

ME = "/api/v1/users/me"
SESSIONS = f"{ME}/sessions"


def trust_all(service):
    """Store what a deployment and its fetch store."""
    store = IssuerStore(service.table)
    store.ensure_salt()
    store.replace(trusted())
    for issuer in trusted():
        store.put_keys(issuer, [usable_jwk(public_jwk("RSA", "key-1"))], service.clock.now())


def pass_days(service, days):
    """Let time pass while the schedule fetches keys."""
    service.clock.advance(days=days)
    trust_all(service)
    keyring = service.services[issuer_keyring]
    keyring.cache.accept(keyring.store.read())


@pytest.fixture
def service(table):
    service = InProcessService(table=table, EXTERNAL_ISSUERS="on")
    trust_all(service)
    return service


@pytest.fixture
def client(service):
    """Somebody's tokens of Keycloak."""
    return IssuerClient(service, "keycloak")


@pytest.mark.parametrize("preset", list(ENTRIES))
def test_first_token_of_each_issuer_opens_an_account_with_this_device(service, preset):
    client = IssuerClient(service, preset)
    me = client.get(ME)
    assert me.status == 200
    assert me.data["email"] is None
    assert me.data["is_active"] is True
    (device,) = client.get(SESSIONS, user_agent=IPHONE).data["sessions"]
    assert device["is_current"] is True
    assert device["login_method"] == "external"
    assert device["device_info"]["browser"] == "Chrome"
    assert device["ip_address"] == "203.0.113.7"
    assert len(audit_rows(service, "account.registered.by_issuer")) == 1
    assert len(audit_rows(service, "session.started")) == 1


def test_name_of_a_person_is_taken_over_and_the_address_is_not(service):
    client = IssuerClient(service, "firebase")
    assert client.get(ME).data["full_name"] == "Ada"
    assert client.get(ME).data["email"] is None
    assert not [item for item in service.table.all_items() if str(item["pk"]).startswith("EMAIL#")]


def test_refreshed_tokens_are_the_same_session_and_a_new_sign_in_is_another(client):
    first = client.get(ME).data["id"]
    client.service.clock.advance(minutes=4)
    client.refresh()
    assert client.get(ME).data["id"] == first
    assert client.get(SESSIONS).data["total_count"] == 1
    client.sign_in("sign-in-2")
    assert client.get(ME).data["id"] == first
    assert client.get(SESSIONS).data["total_count"] == 2


def test_sign_in_without_a_name_is_told_apart_by_its_time(service):
    client = IssuerClient(service, "firebase")
    client.get(ME)
    service.clock.advance(minutes=4)
    client.refresh()
    assert client.get(SESSIONS).data["total_count"] == 1
    client.sign_in("unused")
    assert client.get(SESSIONS).data["total_count"] == 2


def test_same_subject_of_another_issuer_is_another_person(service):
    ids = {IssuerClient(service, preset).get(ME).data["id"] for preset in ENTRIES}
    assert len(ids) == len(ENTRIES)


def test_hundred_first_requests_at_once_make_one_account_and_one_session(service, client):
    results = []
    barrier = threading.Barrier(10)

    def request():
        barrier.wait()
        results.extend(client.get(ME) for _ in range(10))

    threads = [threading.Thread(target=request) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {result.status for result in results} == {200}
    assert len({result.data["id"] for result in results}) == 1
    assert len(audit_rows(service, "account.registered.by_issuer")) == 1
    assert len(audit_rows(service, "session.started")) == 1
    assert client.get(SESSIONS).data["total_count"] == 1


# Revocation ----------------------------------------------------------------------------------


def test_revoked_session_stays_revoked_through_every_refresh(client):
    phone = client.device("phone")
    phone.get(ME)
    client.get(ME)
    (other,) = [s for s in client.get(SESSIONS).data["sessions"] if not s["is_current"]]
    assert client.request("DELETE", f"{SESSIONS}/{other['id']}").status == 200
    assert phone.get(ME).code == "SESSION_REVOKED"
    for _ in range(40):
        pass_days(client.service, 2)
        phone.refresh()
        assert phone.get(ME).status == 401
        client.refresh()
        client.get(ME)
    phone.sign_in("phone-again")
    assert phone.get(ME).status == 200


def test_ended_session_is_remembered_for_as_long_as_its_tokens_are_accepted(service, client):
    client.get(ME)
    assert client.request("POST", "/api/v1/auth/logout").status in {200, 204}
    (session,) = [i for i in service.table.all_items() if str(i["sk"]).startswith("SESSION#")]
    ended = service.clock.now()
    longest = timedelta(days=EXTERNAL_SIGN_IN_MAX_DAYS)
    assert session["ttl"] >= int((ended + longest).timestamp())
    assert service.services.config.absolute_timeout < longest


def test_ended_sessions_beyond_the_kept_ones_leave_markers(service, client):
    client.get(ME)
    devices = []
    for number in range(ENDED_SESSIONS_KEPT + 3):
        device = client.device(f"device-{number}")
        device.get(ME)
        device.request("POST", "/api/v1/auth/logout")
        devices.append(device)
        service.clock.advance(seconds=1)
    client.device("last").get(ME)
    client.device("very-last").get(ME)
    stored = [i for i in service.table.all_items() if i["pk"].startswith("ACCOUNT#")]
    assert len([i for i in stored if str(i["sk"]).startswith("ENDED#")]) >= 3
    for device in devices:
        assert device.get(ME).code == "SESSION_REVOKED"


def test_least_recently_used_session_over_the_limit_ends_and_stays_ended(table):
    service = InProcessService(table=table, EXTERNAL_ISSUERS="on", SESSION_LIMIT="2")
    trust_all(service)
    client = IssuerClient(service, "keycloak")
    devices = [client.device(name) for name in ("a", "b", "c")]
    for device in devices:
        device.get(ME)
        service.clock.advance(seconds=90)
    assert [device.get(ME).status for device in devices] == [401, 200, 200]
    assert len(audit_rows(service, "session.ended.by_limit")) == 1


def test_sign_out_everywhere_also_ends_sign_ins_that_were_not_seen_yet(service, client):
    client.get(ME)
    unseen = client.device("unseen")
    service.clock.advance(seconds=2)
    assert client.request("DELETE", f"{SESSIONS}/all").status == 200
    service.clock.advance(seconds=2)
    assert unseen.get(ME).code == "SESSION_REVOKED"
    assert client.get(ME).code == "SESSION_REVOKED"
    unseen.sign_in("new")
    assert unseen.get(ME).status == 200


def test_idle_and_absolute_timeouts_hold(service, client):
    client.get(ME)
    pass_days(service, 15)
    client.refresh()
    assert client.get(ME).code == "SESSION_IDLE_TIMEOUT"
    old = client.device("old")
    pass_days(service, 89)
    old.refresh()
    assert old.get(ME).status == 200
    pass_days(service, 2)
    old.refresh()
    assert old.get(ME).code == "SESSION_EXPIRED"


def test_old_sign_in_that_was_never_seen_opens_no_session(service, client):
    pass_days(service, 91)
    client.refresh()
    assert client.get(ME).code == "SESSION_EXPIRED"
    assert audit_rows(service, "account.registered.by_issuer") == []


# The state of the account --------------------------------------------------------------------


@pytest.fixture
def admin(service):
    person = Person(service, "admin@example.com")
    person.become_admin()
    return person


def test_suspension_holds_for_old_and_new_sign_ins(client, admin):
    user_id = client.get(ME).data["id"]
    assert admin.request("POST", f"/api/v1/users/{user_id}/suspend").status == 200
    assert client.get(ME).code == "ACCOUNT_SUSPENDED"
    client.service.clock.advance(seconds=5)
    client.sign_in("another")
    assert client.get(ME).code == "ACCOUNT_SUSPENDED"
    assert admin.request("POST", f"/api/v1/users/{user_id}/unsuspend").status == 200
    # This person authenticated after the suspension had ended every session.
    assert client.get(ME).status == 200
    client.claims["sid"] = "sign-in-1"
    assert client.get(ME).code == "ACCOUNT_SUSPENDED"


def test_deleted_account_is_refused_until_it_is_restored(client, admin):
    user_id = client.get(ME).data["id"]
    assert client.request("DELETE", ME).status == 200
    assert client.get(ME).code == "ACCOUNT_DELETED"
    client.service.clock.advance(seconds=5)
    client.sign_in("another")
    assert client.get(ME).code == "ACCOUNT_DELETED"
    assert admin.request("POST", f"/api/v1/users/{user_id}/restore").status == 200
    client.service.clock.advance(seconds=5)
    client.sign_in("third")
    assert client.get(ME).data["id"] == user_id


def test_erasure_leaves_only_a_digest_and_no_earlier_sign_in_opens_an_account(service, client):
    user_id = client.get(ME).data["id"]
    unseen = client.device("unseen")
    service.clock.advance(seconds=2)
    assert client.request("DELETE", ME, query={"hard": "true"}).status == 200
    service.work()
    left = json.dumps(service.table.all_items(), default=str)
    for personal in (client.claims["sub"], user_id, client.claims["sid"]):
        assert personal not in left.replace(f'"target": "{user_id}"', "")
    marked = [i for i in service.table.all_items() if str(i["pk"]).startswith("ERASED#")]
    assert len(marked) == 1
    assert set(marked[0]) - {"pk", "sk"} == {"erased_at", "ttl"}
    service.clock.advance(minutes=2)
    for device in (client, unseen):
        device.refresh()
        assert device.get(ME).code == "ACCOUNT_DELETED"
    assert not [i for i in service.table.all_items() if i["sk"] == "ACCOUNT"]
    client.sign_in("after the erasure")
    assert client.get(ME).status == 200


# What needs a password -----------------------------------------------------------------------


def test_fresh_sign_in_at_the_issuer_is_a_recent_authentication(service, client):
    client.get(ME)
    service.clock.advance(minutes=10)
    client.refresh()
    assert client.request("POST", f"{ME}/export").code == "REAUTHENTICATION_REQUIRED"
    client.step_up()
    assert client.request("POST", f"{ME}/export").status == 202
    assert client.get(SESSIONS).data["total_count"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", f"{ME}/password", {"current_password": "x", "new_password": "plum kettle orbits"}),
        ("POST", "/api/v1/auth/reauthenticate", {"password": ""}),
        ("POST", "/api/v1/auth/reauthenticate", {"password": "plum kettle orbits"}),
        ("POST", f"{ME}/email", {"email": "new@example.com"}),
    ],
)
def test_what_needs_a_password_is_409(client, method, path, body):
    client.step_up()
    answer = client.request(method, path, json_body=body)
    if body.get("password") == "":
        assert answer.status == 400
    else:
        assert (answer.status, answer.code) == (409, "NO_PASSWORD")


def test_empty_password_signs_nobody_in(service, client):
    client.get(ME)
    for email in ("", "ada@example.com"):
        answer = service.request(
            "POST", "/api/v1/auth/login", json_body={"email": email, "password": "x" * 20}
        )
        assert answer.status in {400, 401}


def test_profile_preferences_history_and_export_work_without_an_address(service, client):
    client.step_up()
    assert client.get(ME).status == 200
    assert (
        client.request("PATCH", ME, json_body={"full_name": "Ada L.", "username": "ada"}).status
        == 200
    )
    preferences = client.get(f"{ME}/preferences")
    assert client.request("PUT", f"{ME}/preferences", json_body={"wifi": "fast"}).status == 200
    assert preferences.status == 200
    actions = [entry["action"] for entry in client.get(f"{ME}/activity").data["activity"]]
    assert {"account.registered.by_issuer", "session.started"} <= set(actions)
    assert client.request("POST", f"{ME}/export").status == 202
    service.work()
    (export,) = client.get(f"{ME}/exports").data["exports"]
    assert export["status"] == "ready"
    assert service.mailbox.sent == []


# Own tokens, and tokens of nobody ------------------------------------------------------------


def test_own_tokens_work_beside_those_of_other_issuers(service):
    ada = Person(service)
    assert ada.get().status == 200


def test_tokens_of_issuers_that_are_not_trusted_are_refused(service, client):
    claims = {**client.claims, "iss": "https://evil.example.com"}
    assert client.get(ME, claims=claims).code == "TOKEN_INVALID"
    assert audit_rows(service, "account.registered.by_issuer") == []


def test_stack_without_trusted_issuers_refuses_their_tokens(table):
    service = InProcessService(table=table)
    trust_all(service)
    assert IssuerClient(service, "keycloak").get(ME).code == "TOKEN_INVALID"


def test_expired_token_is_told_apart(service, client):
    client.get(ME)
    service.clock.advance(minutes=6)
    assert client.get(ME).code == "TOKEN_EXPIRED"


class CountingTable(InterruptedTable):
    """Counts requests."""

    counted: ClassVar[list[str]] = []

    @override
    def __getattribute__(self, name: str) -> object:
        if name in {"get", "get_many", "query", "put", "update", "delete", "transact"}:
            CountingTable.counted.append(name)
        return super().__getattribute__(name)


def test_request_costs_one_read_as_with_an_own_token():
    service = InProcessService(table=CountingTable(), EXTERNAL_ISSUERS="on")
    trust_all(service)
    client, ada = IssuerClient(service, "keycloak"), Person(service)
    client.get(ME)
    counted = []
    for request in (ada.get, lambda: client.get(ME)):
        request()
        CountingTable.counted.clear()
        request()
        counted.append(list(CountingTable.counted))
    # The session by the authorizer, and the account by the endpoint.
    assert counted == [["get", "get"], ["get", "get"]]


# Keys ----------------------------------------------------------------------------------------


def test_issuer_that_is_down_costs_nobody_a_request_for_a_day(service, client):
    client.get(ME)
    for _ in range(23):
        service.clock.advance(hours=1)
        client.refresh()
        assert client.get(ME).status == 200
    service.clock.advance(hours=2)
    client.refresh()
    answer = client.get(ME)
    assert (answer.status, answer.code) == (503, "TEMPORARILY_UNAVAILABLE")


def test_unknown_issuers_partition_is_503_and_never_an_open_door(table):
    service = InProcessService(table=table, EXTERNAL_ISSUERS="on")
    client = IssuerClient(service, "keycloak")
    assert client.get(ME).status == 503
    # Own tokens do not depend on it.
    assert Person(service).get().status == 200
    assert keys.ISSUERS not in {item["pk"] for item in table.all_items()}

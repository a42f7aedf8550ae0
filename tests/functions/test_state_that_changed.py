"""What a request finds changed, or gone, since it began."""

from __future__ import annotations

import pytest

from latchkey.domain.errors import AccountNotFound
from latchkey.domain.ids import AccountId, SessionId
from latchkey.domain.limits import TRANSACTION_ATTEMPTS
from latchkey.storage import keys
from latchkey.storage.table import Change, Delete, Update
from tests.support.person import ME, Person, account_key, set_account
from tests.support.service import PASSWORD

NEW_PASSWORD = "nine lanterns over the river"


@pytest.fixture
def root(service):
    root = Person(service, "root@example.com")
    root.become_admin()
    return root


def session_key(person):
    return keys.session(AccountId(person.id), SessionId(person.session_id))


def link_of(service, address):
    service.work()
    return service.mailbox.last(address).token


# A session or an account that is gone ------------------------------------------------------------


def test_token_of_a_removed_session_is_refused(table, ada):
    table.delete(Delete(session_key(ada)))
    answer = ada.get()
    assert (answer.status, answer.code) == (401, "SESSION_REVOKED")


def test_token_of_a_generation_that_was_not_issued_is_refused(service, table, ada):
    pair = service.login(ada.email).data
    body = {"refresh_token": pair["refresh_token"]}
    newer = service.request("POST", "/api/v1/auth/refresh", json_body=body).data["access_token"]
    key = keys.session(AccountId(ada.id), SessionId(pair["session"]["id"]))
    table.update(Update(key, Change(assign={"generation": 1})))
    answer = service.request("GET", ME, token=newer)
    assert (answer.status, answer.code) == (401, "TOKEN_INVALID")


def test_session_of_an_administrator_without_an_account_has_no_rights(table, root):
    table.delete(Delete(account_key(root)))
    answer = root.get("/api/v1/users")
    assert (answer.status, answer.code) == (403, "ADMINISTRATORS_ONLY")


@pytest.mark.parametrize("body", [{"password": PASSWORD}])
def test_session_that_is_removed_during_a_step_up_is_refused(service, table, ada, body):
    table.before_read(session_key(ada), 2, lambda: table.delete(Delete(session_key(ada))))
    answer = ada.request("POST", "/api/v1/auth/reauthenticate", json_body=body)
    assert (answer.status, answer.code) == (401, "SESSION_REVOKED")
    assert table.interruptions == 1


def test_session_that_ends_before_the_step_up_is_written_is_refused(service, table, ada):
    table.before_write(lambda: table.delete(Delete(session_key(ada))))
    body = {"password": PASSWORD}
    answer = ada.request("POST", "/api/v1/auth/reauthenticate", json_body=body)
    assert (answer.status, answer.code) == (401, "SESSION_REVOKED")
    assert table.interruptions


@pytest.mark.parametrize("method", ["DELETE", "PATCH"])
def test_device_that_was_signed_out_meanwhile_is_not_found(service, table, ada, method):
    phone = service.login(ada.email).data["session"]["id"]
    own = f"{ME}/sessions/{phone}"
    key = keys.session(AccountId(ada.id), SessionId(phone))
    table.before_write(lambda: table.delete(Delete(key)))
    body = {"device_name": "Phone"} if method == "PATCH" else None
    answer = ada.request(method, own, json_body=body)
    assert (answer.status, answer.code) == (404, "SESSION_NOT_FOUND")
    assert table.interruptions == 1


def test_sign_out_of_a_session_that_was_removed_meanwhile_is_refused(table, ada):
    sessions = keys.account_partition(AccountId(ada.id))
    table.before_query(sessions, lambda: table.delete(Delete(session_key(ada))))
    answer = ada.request("DELETE", f"{ME}/sessions/all")
    assert (answer.status, answer.code) == (401, "SESSION_REVOKED")
    assert table.interruptions == 1


def test_administrator_who_was_signed_out_meanwhile_changes_no_role(service, table, ada, root):
    own = service.login(root.email).data
    key = keys.session(AccountId(root.id), SessionId(own["session"]["id"]))
    table.before_read(key, 2, lambda: table.delete(Delete(key)))
    answer = service.request(
        "PUT",
        f"/api/v1/users/{ada.id}/role",
        json_body={"role": "admin"},
        token=own["access_token"],
    )
    assert (answer.status, answer.code) == (401, "SESSION_REVOKED")
    assert table.get(account_key(ada))["role"] == "user"


def test_refresh_of_a_session_that_is_removed_meanwhile_is_refused(service, table, ada):
    pair = service.login(ada.email).data
    key = keys.session(AccountId(ada.id), SessionId(pair["session"]["id"]))
    table.before_update(key, lambda: table.delete(Delete(key)))
    body = {"refresh_token": pair["refresh_token"]}
    answer = service.request("POST", "/api/v1/auth/refresh", json_body=body)
    assert (answer.status, answer.code) == (401, "SESSION_REVOKED")


# An account that is being erased -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", ME, {"full_name": "Ada"}),
        ("DELETE", f"{ME}/sessions/all", None),
        ("DELETE", ME, None),
        ("POST", f"{ME}/export", None),
    ],
)
def test_account_whose_erasure_has_begun_meanwhile_is_not_changed(table, ada, method, path, body):
    table.before_read(account_key(ada), 1, lambda: set_account(table, ada, status="erasing"))
    answer = ada.request(method, path, json_body=body)
    assert table.interruptions == 1
    assert answer.code in {"ACCOUNT_NOT_FOUND", "ERASURE_STARTED", "ACCOUNT_DELETED"}, answer
    assert "ended_at" not in table.get(session_key(ada))
    assert table.get(account_key(ada))["status"] == "erasing"
    assert not {"full_name", "deleted_at"} & table.get(account_key(ada)).keys()


def test_role_of_an_account_that_is_being_erased_does_not_change(table, ada, root):
    set_account(table, ada, status="erasing")
    answer = root.request("PUT", f"/api/v1/users/{ada.id}/role", json_body={"role": "admin"})
    assert (answer.status, answer.code) == (409, "ERASURE_STARTED")
    assert table.get(account_key(ada))["role"] == "user"


# Links whose account has changed -----------------------------------------------------------------


def verify(service, token):
    body = {"token": token, "password": PASSWORD}
    return service.request("POST", "/api/v1/auth/email/verify", json_body=body)


@pytest.mark.parametrize("status", ["suspended", "deleted", "erasing"])
def test_link_of_an_account_that_is_not_active_verifies_nothing(service, table, ada, status):
    token = link_of(service, ada.email)
    set_account(table, ada, status=status)
    answer = verify(service, token)
    assert (answer.status, answer.code) == (400, "SINGLE_USE_TOKEN_INVALID")
    assert not table.get(account_key(ada)).get("is_verified")


def test_link_of_an_earlier_address_verifies_nothing(service, table, ada):
    token = link_of(service, ada.email)
    set_account(table, ada, email="countess@example.com")
    answer = verify(service, token)
    assert (answer.status, answer.code) == (400, "SINGLE_USE_TOKEN_INVALID")
    assert not table.get(account_key(ada)).get("is_verified")


def test_undo_of_an_address_that_is_no_longer_reserved_is_refused(service, table, ada):
    first = ada.email
    answer = ada.request("POST", f"{ME}/email", json_body={"email": "countess@example.com"})
    assert answer.status == 202
    assert verify(service, link_of(service, "countess@example.com")).status == 200
    token = link_of(service, first)
    set_account(table, ada, former_email_until=0)
    answer = service.request("POST", "/api/v1/auth/email/undo", json_body={"token": token})
    assert (answer.status, answer.code) == (400, "SINGLE_USE_TOKEN_INVALID")
    assert table.get(account_key(ada))["email"] == "countess@example.com"


def test_reset_link_of_a_password_that_changed_is_refused(service, table, ada):
    service.request("POST", "/api/v1/auth/password/forgot", json_body={"email": ada.email})
    token = link_of(service, ada.email)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert ada.request("PUT", f"{ME}/password", json_body=body).status == 200
    body = {"token": token, "new_password": "eleven boats beneath a bridge"}
    answer = service.request("POST", "/api/v1/auth/password/reset", json_body=body)
    assert (answer.status, answer.code) == (400, "SINGLE_USE_TOKEN_INVALID")


def test_password_that_was_replaced_meanwhile_is_not_changed(service, table, ada):
    """The one who reset it must not lose it to the one who knew the old one."""
    stolen = {"password_hash": "another", "sign_in_epoch": 7}
    table.before_read(account_key(ada), 2, lambda: set_account(table, ada, **stolen))
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    answer = ada.request("PUT", f"{ME}/password", json_body=body)
    assert answer.code == "INVALID_CREDENTIALS"
    assert table.get(account_key(ada))["password_hash"] == "another"


# Contention --------------------------------------------------------------------------------------


def test_change_that_always_loses_is_refused_for_now_and_changes_nothing(table, ada):
    def change_it():
        table.update(Update(account_key(ada), Change(add={"version": 1})))

    table.before_write(change_it, always=True)
    answer = ada.patch({"full_name": "Ada King"})
    assert (answer.status, answer.code) == (503, "TEMPORARILY_UNAVAILABLE")
    assert int(answer.headers["retry-after"]) > 0
    assert table.interruptions >= TRANSACTION_ATTEMPTS
    assert "full_name" not in table.get(account_key(ada))


# What an operator asks for -----------------------------------------------------------------------


def test_nobody_becomes_administrator_by_an_unknown_address(service, ada):
    with pytest.raises(AccountNotFound):
        service._handler("grant_admin")({"email": "nobody@example.com"})

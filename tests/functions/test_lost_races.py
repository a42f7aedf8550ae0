"""Errors and effects of a request that loses a race."""

from __future__ import annotations

import pytest

from tests.support.interleaved_worlds import build
from tests.support.interleaving_checks import BY_NAME
from tests.support.person import Person
from tests.support.service import InProcessService


def codes(first, second, world="active"):
    """Return the codes that the first operation gets, over all interleavings with the second."""
    runs = build(world).interleavings(BY_NAME[first], BY_NAME[second])
    return {run.outcomes["first"].code for run in runs}


@pytest.mark.parametrize(
    ("meanwhile", "refusal"),
    [
        ("sign this device out", "SESSION_REVOKED"),
        ("suspend her", "ACCOUNT_SUSPENDED"),
        ("delete her", "ACCOUNT_DELETED"),
    ],
)
def test_refresh_of_a_session_that_just_ended_is_not_reported_as_theft(meanwhile, refusal):
    """The response says why the session has ended. No email about a stolen token is sent."""
    assert codes("refresh", meanwhile) == {"OK", refusal}
    for run in build("active").interleavings(BY_NAME["refresh"], BY_NAME[meanwhile]):
        rows = [item.get("action") for item in run.after.values()]
        assert "session.ended.by_refresh_token_reuse" not in rows


def test_two_parallel_refreshes_both_succeed():
    assert codes("refresh", "refresh") == {"OK"}


@pytest.mark.parametrize(
    ("meanwhile", "refusal"),
    [
        ("suspend her", "ACCOUNT_SUSPENDED"),
        ("delete her", "ACCOUNT_DELETED"),
        ("not me", "PASSWORD_RESET_REQUIRED"),
        ("change the password", "INVALID_CREDENTIALS"),
        ("reset", "INVALID_CREDENTIALS"),
        ("undo", "INVALID_CREDENTIALS"),
        ("sign all out", "TEMPORARILY_UNAVAILABLE"),
    ],
)
def test_sign_in_that_loses_a_race_gets_the_reason(meanwhile, refusal):
    assert codes("sign in by username", meanwhile) == {"OK", refusal}


def test_device_that_was_just_signed_out_can_not_sign_out_the_others():
    """Else "the others" would be everybody, on the word of a device that is out."""
    refusals = codes("sign the others out", "log out")
    assert refusals == {"OK", "CURRENT_SESSION_UNKNOWN", "SESSION_REVOKED"}


@pytest.mark.parametrize("act", ["delete", "erase", "change the password", "sign all out"])
def test_device_that_was_just_signed_out_changes_nothing(act):
    assert codes(act, "log out") == {"OK", "SESSION_REVOKED"}
    assert codes(act, "suspend her") == {"OK", "ACCOUNT_SUSPENDED"}


def test_demoted_administrator_can_not_take_the_role_back():
    outcomes = codes("Ada wants to make herself an administrator", "make her a user", "admin")
    assert outcomes == {"OK", "ADMINISTRATORS_ONLY"}


@pytest.mark.parametrize("order", ["erase", "erase her"])
def test_account_that_is_being_erased_is_not_suspended(order):
    outcomes = codes("suspend her", order)
    assert outcomes <= {"OK", "ERASURE_STARTED", "ACCOUNT_NOT_FOUND"}
    for run in build("active").interleavings(BY_NAME["suspend her"], BY_NAME[order]):
        account = next(i for i in run.after.values() if i.get("username") == "ada")
        if run.outcomes["second"].code == "OK":
            assert account["status"] == "erasing"


RECORDED = {"account.suspended.by_admin", "account.deleted.by_admin"}


@pytest.mark.parametrize("act", ["suspend her", "delete her"])
def test_same_act_of_two_administrators_is_recorded_once(act):
    for run in build("active").interleavings(BY_NAME[act], BY_NAME[act]):
        rows = [str(item["action"]) for key, item in run.after.items() if key.table == "audit"]
        assert sum(row in RECORDED for row in rows) == 1


def test_reset_removes_the_failures_of_the_step_up():
    """Somebody may have used the attempts of the step-up up; they were at another password."""
    service = InProcessService(RATE_LIMIT_FACTOR="1")
    ada = Person(service)
    attempt = {"json_body": {"password": "not the password at all"}}
    while ada.request("POST", "/api/v1/auth/reauthenticate", **attempt).status != 429:
        pass
    service.request("POST", "/api/v1/auth/password/forgot", json_body={"email": ada.email})
    service.work()
    new = "quite another password, and long"
    body = {"token": service.mailbox.last(ada.email).token, "new_password": new}
    assert service.request("POST", "/api/v1/auth/password/reset", json_body=body).status == 202
    ada.token = service.login(ada.email, fields={"password": new}).data["access_token"]
    right = {"json_body": {"password": new}}
    assert ada.request("POST", "/api/v1/auth/reauthenticate", **right).status == 200


def test_code_signs_one_of_two_devices_in():
    assert codes("sign in with a code", "sign in with a code") == {"OK", "CODE_INVALID"}


def test_only_one_of_two_exports_starts():
    outcomes = codes("ask for an export", "ask for an export")
    assert outcomes == {"OK", "EXPORT_ALREADY_RUNNING"}


@pytest.mark.parametrize("meanwhile", ["suspend her", "erase"])
def test_no_export_starts_for_an_account_that_was_closed(meanwhile):
    for run in build("active").interleavings(BY_NAME["ask for an export"], BY_NAME[meanwhile]):
        if run.outcomes["first"].code != "OK":
            new = run.after.keys() - run.before.keys()
            assert not [key for key in new if key.sk.startswith("EXPORT#")]

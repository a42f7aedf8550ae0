"""Preferences: one document per person, limited in size, and private."""

from __future__ import annotations

import json

import pytest

from latchkey.domain.limits import PREFERENCES_MAX_BYTES
from latchkey.wiring.storage import account_store
from tests.support.bad_input import BAD_PREFERENCES, HOSTILE_PREFERENCES
from tests.support.person import Person, audit_rows, stored_items

MINE = "/api/v1/users/me/preferences"
UNSET = dict.fromkeys(
    ["wifi", "noise_level", "power_outlets", "lighting", "seating", "other_preferences"]
)


@pytest.fixture
def bob(service):
    return Person(service, "bob@example.com")


def set_(person, document, path=MINE):
    return person.request("PUT", path, json_body=document)


def test_unset_preference_is_null(ada):
    assert ada.get(MINE).data == UNSET


def test_a_put_replaces_everything(ada):
    set_(ada, {"wifi": True, "lighting": "warm"})
    answer = set_(ada, {"wifi": "fast", "noise_level": 3, "other_preferences": {"plants": [1.5]}})
    assert answer.status == 200
    assert answer.data == UNSET | {
        "wifi": "fast",
        "noise_level": 3,
        "other_preferences": {"plants": [1.5]},
    }
    assert ada.get(MINE).data == answer.data


def test_outdated_if_match_is_refused(ada):
    assert ada.get(MINE).headers["etag"] == '"0"'
    first = ada.request("PUT", MINE, json_body={"wifi": True}, headers={"if-match": '"0"'})
    assert (first.status, first.headers["etag"]) == (200, '"1"')
    second = ada.request("PUT", MINE, json_body={"wifi": False}, headers={"if-match": '"0"'})
    assert (second.status, second.code) == (412, "PRECONDITION_FAILED")
    assert ada.get(MINE).data["wifi"] is True
    refused = ada.request("DELETE", MINE, headers={"if-match": '"0"'})
    assert (refused.status, refused.code) == (412, "PRECONDITION_FAILED")
    reset = ada.request("DELETE", MINE, headers={"if-match": '"1"'})
    assert (reset.status, reset.headers["etag"]) == (200, '"2"')
    assert ada.get(MINE).data == UNSET
    # A version is never used twice, so an old ETag cannot match again.
    assert set_(ada, {"wifi": True}).headers["etag"] == '"3"'


def test_concurrent_changes_do_not_overwrite_each_other(service, ada):
    seen = ada.get(MINE).headers["etag"]
    transact, answers = service.table.transact, []

    def other_phone_first(writes):
        service.table.transact = transact
        answers.append(set_(ada, {"wifi": "phone"}))
        return transact(writes)

    service.table.transact = other_phone_first
    mine = ada.request("PUT", MINE, json_body={"wifi": "laptop"}, headers={"if-match": seen})
    assert (answers[0].status, mine.status) == (200, 412)
    assert ada.get(MINE).data["wifi"] == "phone"


def test_undeclared_keys_are_stored_unchanged(ada):
    further = {"coffee": {"kind": "filter", "cups": 2, "ratio": 0.0625}, "pets_2": [True, None]}
    assert set_(ada, further).data == UNSET | further
    assert ada.get(MINE).data == UNSET | further


def test_reset_removes_preferences_and_can_be_repeated(service, ada):
    set_(ada, {"wifi": True, "coffee": "black"})
    for _ in range(2):
        answer = ada.request("DELETE", MINE)
        assert (answer.status, answer.data) == (200, UNSET)
    assert ada.get(MINE).data == UNSET
    assert len(audit_rows(service, "preferences.changed")) == 1
    assert len(audit_rows(service, "preferences.reset")) == 2


def padded(size):
    """Preferences of exactly so many bytes."""
    empty = len(json.dumps({"other_preferences": ""}, separators=(",", ":")))
    return {"other_preferences": "x" * (size - empty)}


def test_size_limit_is_sixteen_kibibytes(service, ada):
    assert set_(ada, padded(PREFERENCES_MAX_BYTES)).status == 200
    before = stored_items(service)
    for size in (PREFERENCES_MAX_BYTES + 1, 17 * 1024, 60 * 1024):
        answer = set_(ada, padded(size))
        assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
        assert answer.body["error"]["details"][0]["code"] == "TOO_LARGE"
    assert set_(ada, {"other_preferences": "\U0001f984" * 4200}).status == 400
    assert stored_items(service) == before


@pytest.mark.parametrize(("document", "field", "code"), BAD_PREFERENCES)
def test_invalid_preferences_change_nothing(service, ada, document, field, code):
    set_(ada, {"wifi": True})
    before = stored_items(service)
    answer = set_(ada, document)
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    found = answer.body["error"]["details"]
    assert [(problem["field"], problem["code"]) for problem in found] == [(field, code)]
    assert stored_items(service) == before


@pytest.mark.parametrize(("raw", "code"), HOSTILE_PREFERENCES)
def test_hostile_json_changes_no_preferences(service, ada, raw, code):
    set_(ada, {"wifi": True})
    before = stored_items(service)
    answer = ada.request("PUT", MINE, raw_body=raw)
    assert answer.status == 400
    assert answer.body["error"]["details"][0]["code"] == code
    assert stored_items(service) == before


def test_thirty_levels_of_nesting_are_accepted(ada):
    deep = json.loads("[" * 30 + "]" * 30)
    assert set_(ada, {"other_preferences": deep}).status == 200
    assert ada.get(MINE).data["other_preferences"] == deep


def test_preferences_of_others_are_not_found(service, ada, bob):
    set_(bob, {"wifi": True})
    before = stored_items(service)
    for user_id in (bob.id, "usr_" + "0" * 26, "x" * 3000):
        path = f"/api/v1/users/{user_id}/preferences"
        for answer in (
            ada.get(path),
            set_(ada, {"wifi": False}, path),
            ada.request("DELETE", path),
        ):
            assert (answer.status, answer.code) == (404, "ACCOUNT_NOT_FOUND")
    assert stored_items(service) == before


def test_owner_and_administrator_access_preferences_by_id(service, ada, bob):
    path = f"/api/v1/users/{ada.id}/preferences"
    assert set_(ada, {"wifi": True}, path).status == 200
    assert ada.get(MINE).data["wifi"] is True
    bob.become_admin()
    assert bob.get(path).data["wifi"] is True
    assert set_(bob, {"wifi": False}, path).status == 200
    assert bob.request("DELETE", path).status == 200
    account = service.services[account_store].get
    for action in ("preferences.changed.by_admin", "preferences.reset.by_admin"):
        (row,) = audit_rows(service, action)
        assert row["pk"] == f"SUBJECT#{account(ada.id).audit.id}"
        assert row["actor"] == account(bob.id).audit.id
    nobody = f"/api/v1/users/usr_{'0' * 26}/preferences"
    for answer in (bob.get(nobody), set_(bob, {}, nobody), bob.request("DELETE", nobody)):
        assert answer.code == "ACCOUNT_NOT_FOUND"

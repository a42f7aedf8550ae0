"""GET /api/v1/profiles: what others see of a person."""

from __future__ import annotations

import pytest

from tests.support.person import ME, Person
from tests.support.service import InProcessService

PROFILES = "/api/v1/profiles"
UNKNOWN = "usr_01kdx2w3wne4ns8ppdxwvxxxx0"


@pytest.fixture
def bob(service):
    bob = Person(service, "bob@example.com")
    assert bob.patch({"full_name": "Robert Moss", "age": 41, "location": "Leeds"}).status == 200
    return bob


def test_others_see_only_the_name_and_the_avatar(ada, bob):
    answer = ada.get(f"{PROFILES}/{bob.id}")
    assert answer.status == 200
    assert answer.data == {"id": bob.id, "display_name": "Robert Moss", "avatar_url": None}


def test_display_name_replaces_the_full_name(ada, bob):
    assert bob.patch({"display_name": "Bob"}).status == 200
    assert ada.get(f"{PROFILES}/{bob.id}").data["display_name"] == "Bob"


def test_list_has_each_found_person_once_in_the_order_of_the_ids(ada, bob):
    answer = ada.get(PROFILES, query={"ids": f"{bob.id},{UNKNOWN},{ada.id},{bob.id}"})
    assert [profile["id"] for profile in answer.data["profiles"]] == [bob.id, ada.id]


def test_hundred_people_can_be_listed(ada):
    ids = [*(f"usr_01kdx2w3wne4ns8ppdxwvxxx{n:02d}" for n in range(99)), ada.id]
    assert len(ada.get(PROFILES, query={"ids": ",".join(ids)}).data["profiles"]) == 1


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        (None, "REQUIRED"),
        ("", "NOT_AN_ID"),
        ("bob", "NOT_AN_ID"),
        (f"{UNKNOWN},", "NOT_AN_ID"),
        (f"{UNKNOWN}, {UNKNOWN}", "NOT_AN_ID"),
        (",".join([UNKNOWN] * 101), "TOO_LONG"),
    ],
)
def test_wrong_ids_are_refused(ada, ids, code):
    answer = ada.get(PROFILES, query={} if ids is None else {"ids": ids})
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    (problem,) = answer.body["error"]["details"]
    assert problem["code"] == code
    assert problem["field"].startswith("ids")


@pytest.mark.parametrize("change", ["suspended", "deleted"])
def test_suspended_and_deleted_people_are_not_found(service, ada, bob, change):
    if change == "deleted":
        assert bob.request("DELETE", ME).status == 200
    else:
        admin = Person(service, "admin@example.com")
        admin.become_admin()
        assert admin.request("POST", f"/api/v1/users/{bob.id}/suspend").status == 200
    assert ada.get(f"{PROFILES}/{bob.id}").code == "ACCOUNT_NOT_FOUND"
    assert ada.get(PROFILES, query={"ids": bob.id}).data == {"profiles": []}


@pytest.mark.parametrize("person", ["bob", "usr_1", "%00"])
def test_unknown_people_are_not_found(ada, person):
    assert ada.get(f"{PROFILES}/{person}").code == "ACCOUNT_NOT_FOUND"


def test_without_the_parameter_nobody_is_shown():
    service = InProcessService(PUBLIC_PROFILES="off")
    ada = Person(service)
    for answer in (ada.get(f"{PROFILES}/{ada.id}"), ada.get(PROFILES, query={"ids": ada.id})):
        assert (answer.status, answer.code) == (404, "PROFILES_NOT_PUBLIC")

"""The profile: partial changes, atomic, conditional, and authorized."""

from __future__ import annotations

import threading

import pytest

from latchkey.domain.account import PROFILE_FIELDS
from latchkey.wiring.storage import account_store
from tests.support.bad_input import (
    BAD_PROFILES,
    HOSTILE_JSON,
    NO_LANGUAGES,
    NOT_THEIRS_TO_SET,
    NOT_UTF8,
    READABLE_NAMES,
)
from tests.support.person import ME, Person, audit_rows, stored_items
from tests.support.service import InProcessService

NOBODY = "usr_" + "0" * 26


@pytest.fixture
def service():
    return InProcessService()


@pytest.fixture
def ada(service):
    return Person(service, full_name="Ada Lovelace", username="Ada")


@pytest.fixture
def bob(service):
    return Person(service, "bob@example.com")


def problems(answer):
    return {(problem["field"], problem["code"]) for problem in answer.body["error"]["details"]}


def at_once(*calls):
    """Start all of them together, and wait for all."""
    start = threading.Barrier(len(calls))

    def run(call):
        start.wait()
        call()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_profile_has_exactly_the_fields_of_the_contract(ada):
    shown = ada.get()
    assert set(shown.data) == {
        *PROFILE_FIELDS,
        "id",
        "email",
        "avatar_url",
        "transactional_consent",
        "marketing_consent",
        "is_active",
        "is_verified",
        "role",
        "created_at",
        "updated_at",
    }
    again = ada.get("/api/v1/auth/me")
    assert (again.data, again.headers["etag"]) == (shown.data, shown.headers["etag"])


# Partial update ------------------------------------------------------------------------------


def test_patch_keeps_absent_fields_and_clears_nulls(ada):
    ada.patch({"age": 36, "occupation": "Analyst", "location": "London"})
    answer = ada.patch({"occupation": None, "location": "Ockham"})
    assert answer.status == 200
    shown = {name: answer.data[name] for name in ("age", "occupation", "location", "full_name")}
    assert shown == {
        "age": 36,
        "occupation": None,
        "location": "Ockham",
        "full_name": "Ada Lovelace",
    }
    assert ada.get().data == answer.data


def test_others_see_the_full_name_until_a_display_name_is_set(ada):
    assert ada.get().data["display_name"] == "Ada Lovelace"
    assert ada.patch({"display_name": "Countess"}).data["display_name"] == "Countess"
    assert ada.patch({"display_name": None}).data["display_name"] == "Ada Lovelace"


def test_change_is_audited_with_field_names_only(service, ada):
    ada.patch({"location": "Ockham Park", "age": 36})
    (row,) = audit_rows(service, "profile.changed")
    assert row["changed"] == ["age", "location"]
    assert row["session_id"] == ada.session_id
    assert "Ockham" not in str(row)


def test_unchanged_profile_writes_nothing(service, ada):
    before = ada.get()
    service.clock.advance(minutes=1)
    again = ada.patch({"full_name": "Ada Lovelace"})
    assert (again.status, again.data) == (200, before.data)
    assert again.headers["etag"] == before.headers["etag"]
    assert ada.patch({}).data == before.data
    assert audit_rows(service, "profile.changed") == []


def test_updated_at_is_the_time_of_the_last_change(service, ada):
    before = ada.get().data["updated_at"]
    service.clock.advance(minutes=1)
    assert ada.patch({"age": 36}).data["updated_at"] > before


@pytest.mark.parametrize("field", NOT_THEIRS_TO_SET)
def test_protected_fields_are_unknown(service, ada, field):
    before = stored_items(service)
    answer = ada.patch({field: "admin", "age": 36})
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert problems(answer) == {(field, "UNKNOWN_FIELD")}
    assert stored_items(service) == before


@pytest.mark.parametrize(
    ("sent", "canonical"),
    [("pt-br", "pt-BR"), ("EN", "en"), ("zh-hans-cn", "zh-Hans-CN"), ("iw", "he")],
)
def test_languages_are_canonicalized(ada, sent, canonical):
    answer = ada.patch({"speaking_language": sent, "listening_language": sent})
    assert answer.data["speaking_language"] == answer.data["listening_language"] == canonical


@pytest.mark.parametrize("sent", NO_LANGUAGES)
def test_unregistered_language_is_refused(service, ada, sent):
    before = stored_items(service)
    answer = ada.patch({"speaking_language": sent, "age": 36})
    assert (answer.status, answer.code) == (400, "INVALID_LANGUAGE_CODE")
    assert problems(answer) == {("speaking_language", "INVALID_LANGUAGE_CODE")}
    assert stored_items(service) == before


@pytest.mark.parametrize(("body", "field", "code"), BAD_PROFILES)
def test_invalid_input_changes_nothing(service, ada, body, field, code):
    before = stored_items(service)
    answer = ada.patch(body)
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert (field, code) in problems(answer)
    assert stored_items(service) == before


def test_email_as_an_array_is_refused(service):
    answer = service.register(email=["ada@example.com"])
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert problems(answer) == {("email", "WRONG_TYPE")}


@pytest.mark.parametrize(("raw", "code"), HOSTILE_JSON)
def test_hostile_json_changes_no_profile(service, ada, raw, code):
    before = stored_items(service)
    answer = ada.request("PATCH", ME, raw_body=raw)
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert problems(answer) == {("body", code)}
    assert stored_items(service) == before


# Conditional requests ------------------------------------------------------------------------


def test_change_with_the_current_etag_returns_the_new_one(ada):
    seen = ada.get().headers["etag"]
    changed = ada.patch({"age": 36}, headers={"if-match": seen})
    assert changed.status == 200
    assert changed.headers["etag"] != seen
    assert ada.get().headers["etag"] == changed.headers["etag"]


def test_change_with_an_outdated_etag_is_refused(service, ada):
    seen = ada.get().headers["etag"]
    ada.patch({"age": 36})
    before = stored_items(service)
    for condition in (seen, f"W/{ada.get().headers['etag']}", '"another"'):
        answer = ada.patch({"age": 37}, headers={"if-match": condition})
        assert (answer.status, answer.code) == (412, "PRECONDITION_FAILED")
    assert stored_items(service) == before
    assert ada.patch({"age": 37}, headers={"if-match": "*"}).status == 200


def test_sign_in_does_not_change_the_etag(service, ada):
    seen = ada.get().headers["etag"]
    service.login()
    assert ada.patch({"age": 36}, headers={"if-match": seen}).status == 200


def test_concurrent_changes_of_different_fields_are_all_kept(ada):
    fields = {"age": 36, "occupation": "Analyst", "location": "London", "display_name": "Countess"}
    at_once(*(lambda n=name, v=value: ada.patch({n: v}) for name, value in fields.items()))
    data = ada.get().data
    assert {name: data[name] for name in fields} == fields


def test_one_of_two_concurrent_conditional_changes_succeeds(ada):
    seen = {"if-match": ada.get().headers["etag"]}
    statuses = []
    at_once(
        lambda: statuses.append(ada.patch({"age": 36}, headers=seen).status),
        lambda: statuses.append(ada.patch({"age": 37}, headers=seen).status),
    )
    assert sorted(statuses) == [200, 412]


# Usernames -----------------------------------------------------------------------------------


def test_a_new_username_signs_in_and_the_old_one_is_free(service, ada, bob):
    assert ada.patch({"username": "Countess"}).data["username"] == "Countess"
    assert service.login(fields={"email": None, "username": "countess"}).status == 200
    assert service.login(fields={"email": None, "username": "ada"}).status == 401
    assert bob.patch({"username": "ADA"}).status == 200


def test_taken_username_is_refused_and_the_old_one_kept(service, ada, bob):
    before = stored_items(service)
    answer = bob.patch({"username": "aDA", "age": 36})
    assert (answer.status, answer.code) == (409, "USERNAME_TAKEN")
    assert stored_items(service) == before


def test_a_username_may_change_its_case_and_be_given_up(ada, bob):
    assert ada.patch({"username": "ADA"}).data["username"] == "ADA"
    assert ada.patch({"username": None}).data["username"] is None
    assert bob.patch({"username": "ada"}).status == 200


# Consents ------------------------------------------------------------------------------------


def consents(person, **query: str):
    return person.get(f"{ME}/consents", query=query or None)


def test_a_consent_is_kept_with_its_time_its_device_and_its_wording(service, ada):
    assert consents(ada).data == {"consents": [], "next_cursor": None}
    ada.patch({"marketing_consent": True})
    service.clock.advance(minutes=5)
    service.configure(consent_text_version="2026-02")
    ada.patch({"marketing_consent": False, "transactional_consent": True})
    listed = consents(ada).data["consents"]
    facts = [(c["consent"], c["decision"], c["text_version"]) for c in listed]
    assert sorted(facts[:2]) == [
        ("marketing", "withdrawn", "2026-02"),
        ("transactional", "given", "2026-02"),
    ]
    assert facts[2] == ("marketing", "given", "2026-01")
    assert {c["session_id"] for c in listed} == {ada.session_id}
    assert listed[0]["decided_at"] > listed[2]["decided_at"]
    assert ada.get().data["transactional_consent"] is True


def test_repeated_consent_is_no_new_decision(ada):
    ada.patch({"marketing_consent": True})
    ada.patch({"marketing_consent": True, "age": 36})
    assert len(consents(ada).data["consents"]) == 1


def test_consents_are_paged_for_their_owner_only(service, ada, bob):
    for given in (True, False) * 3:
        service.clock.advance(seconds=1)
        ada.patch({"marketing_consent": given})
    everything = consents(ada).data["consents"]
    assert len(everything) == 6
    first = consents(ada, limit="4").data
    second = consents(ada, limit="4", cursor=first["next_cursor"]).data
    assert first["consents"] + second["consents"] == everything
    assert second["next_cursor"] is None
    stolen = consents(bob, cursor=first["next_cursor"])
    assert (stolen.status, stolen.code) == (400, "INVALID_CURSOR")
    for query in ({"limit": "0"}, {"limit": "101"}, {"limit": "\u0664"}, {"page": "2"}):
        assert consents(ada, **query).status == 400


# Other people's accounts ---------------------------------------------------------------------


def test_the_owner_may_read_and_replace_their_account_by_its_id(ada):
    assert ada.get(f"/api/v1/users/{ada.id}").data == ada.get().data
    ada.patch({"marketing_consent": True, "age": 36})
    answer = ada.put(ada.id, {"full_name": "Ada King", "speaking_language": "pt-br"})
    assert answer.status == 200
    assert (answer.data["full_name"], answer.data["speaking_language"]) == ("Ada King", "pt-BR")
    assert (answer.data["age"], answer.data["username"]) == (None, None)
    assert answer.data["marketing_consent"] is True
    assert answer.headers["etag"] == ada.get().headers["etag"]


def test_account_of_another_person_is_like_an_unknown_one(service, ada, bob):
    before = stored_items(service)
    answers = []
    for user_id in (bob.id, NOBODY, "usr_", "me ", "%00", "x" * 3000):
        for answer in (
            ada.get(f"/api/v1/users/{user_id}"),
            ada.put(user_id, {"full_name": "Mallory"}),
        ):
            assert (answer.status, answer.code) == (404, "ACCOUNT_NOT_FOUND")
            answer.body["error"].pop("request_id")
            answers.append(answer.body)
    assert all(answer == answers[0] for answer in answers)
    assert stored_items(service) == before


def test_administrator_changes_a_profile_and_it_is_audited(service, ada, bob):
    bob.become_admin()
    seen = bob.get(f"/api/v1/users/{ada.id}")
    assert seen.data["email"] == "ada@example.com"
    condition = {"if-match": seen.headers["etag"]}
    assert bob.put(ada.id, {"full_name": "Ada King"}, headers=condition).status == 200
    (row,) = audit_rows(service, "profile.changed.by_admin")
    account = service.services[account_store].get
    assert row["pk"] == f"SUBJECT#{account(ada.id).audit.id}"
    assert row["actor"] == account(bob.id).audit.id
    assert row["changed"] == ["full_name", "username"]
    assert bob.put(ada.id, {}, headers=condition).status == 412
    for user_id in (NOBODY, "usr_", "x" * 3000):
        assert bob.get(f"/api/v1/users/{user_id}").status == 404


@pytest.mark.parametrize(
    "field", ["role", "email", "is_verified", "marketing_consent", "transactional_consent"]
)
def test_put_refuses_fields_outside_the_profile(service, ada, bob, field):
    bob.become_admin()
    before = stored_items(service)
    for person in (ada, bob):
        answer = person.put(ada.id, {field: True})
        assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert stored_items(service) == before


@pytest.mark.parametrize("lost", NOT_UTF8)
def test_text_that_is_not_utf_8_changes_nothing(service, ada, lost):
    before = stored_items(service)
    raw = b'{"display_name": "%s"}' % lost
    for body in (raw, raw.decode("utf-8", errors="replace")):
        answer = ada.request("PATCH", ME, raw_body=body)
        assert (answer.status, problems(answer)) == (400, {("body", "MALFORMED_JSON")})
    assert stored_items(service) == before


@pytest.mark.parametrize("name", READABLE_NAMES, ids=ascii)
def test_names_with_joiners_are_accepted(ada, name):
    for field in ("display_name", "full_name", "occupation", "location"):
        assert ada.patch({field: name}).data[field] == name


@pytest.mark.parametrize("name", ["\U0001d160" * 33, "\u0958" * 50, "e\u0301" * 100], ids=ascii)
def test_response_can_be_sent_back(ada, name):
    kept_name = ada.patch({"display_name": name}).data["display_name"]
    assert len(kept_name) <= 100
    assert ada.patch({"display_name": kept_name}).data["display_name"] == kept_name


def test_a_whole_number_may_be_written_with_a_point(ada):
    raw = '{"age": 36.0}'
    assert ada.request("PATCH", ME, raw_body=raw).data["age"] == 36


@pytest.mark.parametrize("path", ["/api/v1/users/me/preferences", "/api/v1/users/{id}"])
@pytest.mark.parametrize("headers", [{}, {"content-type": "application/json"}])
def test_put_without_a_body_clears_nothing(service, ada, path, headers):
    before = stored_items(service)
    answer = ada.request("PUT", path.format(id=ada.id), headers=headers)
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert stored_items(service) == before


def test_a_patch_without_a_body_changes_nothing(service, ada):
    before = ada.get().data
    assert ada.request("PATCH", ME).status == 200
    assert ada.get().data == before

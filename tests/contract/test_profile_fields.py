"""A field of the profile is in every place that a profile field belongs in.

Add a field to `ProfileBody`, and these tests name each place that still lacks it.
"""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
from pydantic import ValidationError

from latchkey.domain.account import PROFILE_FIELDS, Account
from latchkey.domain.request import PublicUrls
from latchkey.flows.export_parts import ACCOUNT_FIELDS
from latchkey.http.bodies.profile import ProfileBody
from latchkey.http.views.accounts import AccountView
from tests.support.builders import an_account
from tests.support.person import ME, Person, audit_rows
from tests.support.service import InProcessService
from tools.template import ROOT

FIELDS = sorted(ProfileBody.model_fields)
NOT_ANY_TEXT: dict[str, str | int] = {
    "username": "ada",
    "speaking_language": "en",
    "listening_language": "fr",
    "age": 36,
}
SAMPLES = {field: NOT_ANY_TEXT.get(field, f"Her {field}") for field in FIELDS}
"""A valid value of each field, different from every other's."""

URLS = PublicUrls(public_url="", allowed_origins=frozenset(), media_url="")
TYPES = (ROOT / "clients/typescript/src/generated/types.gen.ts").read_text()
PAGE = (ROOT / "web/src/sections/profile.ts").read_text()


@pytest.fixture
def ada():
    return Person(InProcessService())


def schema(name):
    return json.loads((ROOT / "openapi.json").read_text())["components"]["schemas"][name]


def typescript(name):
    """The body of a generated type."""
    found = re.search(rf"^export type {name} = \{{(.*?)^\}};", TYPES, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


@pytest.mark.parametrize("field", FIELDS)
def test_the_field_has_a_sample_value(field):
    try:
        body = ProfileBody.model_validate({field: SAMPLES[field]})
    except ValidationError:
        pytest.fail("it is not any text: add a valid value to NOT_ANY_TEXT in this file")
    assert getattr(body, field) == SAMPLES[field]
    assert len(set(SAMPLES.values())) == len(SAMPLES)


def test_the_body_accepts_every_field_that_the_account_stores():
    assert sorted(PROFILE_FIELDS) == FIELDS, (
        "ProfileFields in domain/account.py and ProfileBody in http/bodies/profile.py differ"
    )


@pytest.mark.parametrize("field", FIELDS)
def test_the_account_stores_the_field(field):
    stored = {each.name: each for each in dataclasses.fields(Account)}
    assert field in stored, "add it to ProfileFields in domain/account.py"
    assert stored[field].default is None, "a field that was never set is None"


@pytest.mark.parametrize("field", FIELDS)
def test_the_view_shows_the_field(field):
    shown = {each.name for each in dataclasses.fields(AccountView)}
    assert field in shown, "add it to AccountView in http/views/accounts.py"
    view = AccountView.of(an_account(**{field: SAMPLES[field]}), URLS)
    assert getattr(view, field) == SAMPLES[field]


@pytest.mark.parametrize("field", FIELDS)
def test_the_export_contains_the_field(field):
    assert field in ACCOUNT_FIELDS, "add it to ProfileFields in domain/account.py"


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", ["AccountView", "UpdateMeBody", "ReplaceUserBody"])
def test_the_contract_and_the_client_describe_the_field(name, field):
    assert field in schema(name)["properties"], "run `make openapi`"
    assert re.search(rf"^    {field}\??: ", typescript(name), re.MULTILINE), "run `make client`"


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("language", ["messages", "messages.de"])
def test_the_page_has_a_label_and_so_an_input_for_the_field(language, field):
    texts = (ROOT / f"web/src/{language}.ts").read_text()
    labels = re.search(r"^  fields: \{\n(.*?)^  \}", texts, re.MULTILINE | re.DOTALL)
    assert labels, f"web/src/{language}.ts has the labels in `fields`"
    missing = f"add a label for it to `fields` in web/src/{language}.ts"
    assert re.search(rf"^    {field}: ", labels[1], re.MULTILINE), missing


def test_the_page_renders_every_label():
    assert "Object.keys(messages.fields)" in PAGE
    assert "texts.map(text)" in PAGE
    assert "LANGUAGES.map(" in PAGE


@pytest.mark.parametrize("field", FIELDS)
def test_a_change_of_the_field_is_stored_and_audited(field):
    service = InProcessService()
    ada = Person(service)
    assert ada.patch({field: SAMPLES[field]}).status == 200
    assert ada.get().data[field] == SAMPLES[field]
    (row,) = audit_rows(service, "profile.changed")
    assert row["changed"] == [field]
    entries = ada.get(f"{ME}/activity").data["activity"]
    (entry,) = [each for each in entries if each["action"] == "profile.changed"]
    assert entry["changed"] == [field]
    assert ada.patch({field: None}).status == 200
    assert ada.get().data[field] is None


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "value", ["x" * 5_000, 10**9, {}, [], True], ids=["long", "large", "object", "array", "boolean"]
)
def test_a_bad_value_is_refused_by_the_name_of_its_field(ada, field, value):
    answer = ada.patch({field: value})
    assert answer.status == 400
    assert {problem["field"] for problem in answer.body["error"]["details"]} == {field}

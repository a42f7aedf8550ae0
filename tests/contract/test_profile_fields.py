"""A field of the profile is in every place that a profile field belongs in.

Add a field to `ProfileBody`, and these tests name each place that still lacks it.
"""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from latchkey.domain.account import Account
from latchkey.domain.request import PublicUrls
from latchkey.flows.export_parts import PROFILE_FIELDS
from latchkey.http.bodies.profile import ProfileBody
from latchkey.http.views.accounts import AccountView
from tests.support.builders import an_account
from tests.support.person import ME, Person, audit_rows
from tests.support.service import InProcessService
from tools.template import ROOT

FIELDS = sorted(ProfileBody.model_fields)
SAMPLES: dict[str, str | int] = {
    "username": "ada",
    "full_name": "Ada Lovelace",
    "display_name": "Countess",
    "speaking_language": "en",
    "listening_language": "fr",
    "age": 36,
    "occupation": "Analyst",
    "location": "London",
}
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


def test_every_field_has_a_sample_value():
    assert sorted(SAMPLES) == FIELDS, "add a sample of the new field to SAMPLES in this file"
    assert len(set(SAMPLES.values())) == len(SAMPLES)


@pytest.mark.parametrize("field", FIELDS)
def test_the_account_stores_the_field(field):
    stored = {each.name: each for each in dataclasses.fields(Account)}
    assert field in stored, "add it to Account in domain/account.py"
    assert stored[field].default is None, "a field that was never set is None"


@pytest.mark.parametrize("field", FIELDS)
def test_the_view_shows_the_field(field):
    shown = {each.name for each in dataclasses.fields(AccountView)}
    assert field in shown, "add it to AccountView in http/views/accounts.py"
    view = AccountView.of(an_account(**{field: SAMPLES[field]}), URLS)
    assert getattr(view, field) == SAMPLES[field], "copy it in AccountView.of"


@pytest.mark.parametrize("field", FIELDS)
def test_the_export_contains_the_field(field):
    assert field in PROFILE_FIELDS, "add it to PROFILE_FIELDS in flows/export_parts.py"


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", ["AccountView", "UpdateMeBody", "ReplaceUserBody"])
def test_the_contract_and_the_client_describe_the_field(name, field):
    assert field in schema(name)["properties"], "run `make openapi`"
    assert re.search(rf"^    {field}\??: ", typescript(name), re.MULTILINE), "run `make client`"


@pytest.mark.parametrize("field", FIELDS)
def test_the_page_edits_the_field(field):
    text = re.search(r"^type Text = (.*);$", PAGE, re.MULTILINE)
    assert text, "web/src/sections/profile.ts lists its fields in the type Text"
    assert f'"{field}"' in text[1], "add it to the type Text in web/src/sections/profile.ts"
    control = rf'\$\{{(?:text|this\.language)\("{field}", words\.\w+'
    assert re.search(control, PAGE), "render an input for it in web/src/sections/profile.ts"


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

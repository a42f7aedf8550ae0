"""openapi.json and docs/errors.md: fresh, valid, and without secrets."""

from __future__ import annotations

import dataclasses
import re

import pytest
import schemathesis

from tools import openapi
from tools.operations import operations
from tools.schemas import component_schemas
from tools.template import ROOT

SECRET = re.compile(r"hash|secret|session_key|password|pepper|token|private|signature")
TOKENS = {"access_token", "refresh_token", "token_type"}
TOKENS_VIEWS = {"TokensView", "RefreshedView", "ReauthenticatedView"}


def test_generated_files_are_up_to_date():
    for path, text in openapi.generated().items():
        assert path.read_text() == text, f"{path.name}: run `make openapi`"


def test_the_contract_is_valid_openapi():
    schemathesis.openapi.from_dict(openapi.document()).validate()


def test_generation_is_deterministic():
    assert openapi.render() == openapi.render()


def test_every_operation_has_a_summary():
    for methods in openapi.document()["paths"].values():
        for operation in methods.values():
            assert operation["summary"], operation["operationId"]
            assert len(operation["summary"]) <= 100, operation["operationId"]


def test_every_reference_resolves():
    document = openapi.document()
    text = openapi.render()
    for kind, name in re.findall(r'"#/components/(\w+)/([^"]+)"', text):
        assert name in document["components"][kind]


def test_two_classes_of_one_name_are_refused():
    one = dataclasses.make_dataclass("TwinView", [("a", str)], module="one")
    other = dataclasses.make_dataclass("TwinView", [("b", str)], module="other")
    with pytest.raises(ValueError, match="share the name"):
        component_schemas([(one, "serialization"), (other, "serialization")])


def test_responses_have_no_secret_fields():
    """Tokens leave in the answer to a sign-in and nowhere else; the rest never does."""
    for name, schema in openapi.document()["components"]["schemas"].items():
        if name.endswith("Body"):
            continue
        fields = {field for field in schema.get("properties", {}) if SECRET.search(field)}
        # RFC 8414 names this field, which has no token in it.
        fields -= {"id_token_signing_alg_values_supported"}
        allowed = TOKENS if name in TOKENS_VIEWS else set()
        assert fields <= allowed, name


def test_responses_use_views_and_requests_use_bodies():
    for operation in operations():
        spec = operation.endpoint.spec
        views = [view for view in spec.returns.values() if view is not None]
        for view in views:
            assert view.__module__.startswith("latchkey.http.views."), operation.id
            assert view.__name__.endswith("View"), operation.id
        if spec.body_model is not None:
            assert spec.body_model.__module__.startswith("latchkey.http.bodies."), operation.id
            assert spec.body_model.__name__.endswith("Body"), operation.id


def test_check_names_stale_files_and_writes_nothing(monkeypatch, capsys):
    stale = ROOT / "openapi.json"
    before = stale.read_text()
    monkeypatch.setattr(openapi, "generated", lambda: {stale: "{}"})
    assert openapi.main(["--check"]) == 1
    assert capsys.readouterr().err == "Out of date: openapi.json. Run `make openapi`.\n"
    assert stale.read_text() == before

"""The example service, deployed beside Latchkey as its README describes it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.support.api import Api, a_fresh_address
from tools.local import deployment, routes
from tools.template import ROOT

SESSIONS = "/api/v1/users/me/sessions"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def notes(stack):
    """The deployed example's API."""
    service = deployment.deploy_service(
        stack.emulator,
        ROOT / "examples/notes/template.yaml",
        "notes",
        {"LatchkeyAuthorizerArn": stack.deployment.outputs["ServiceAuthorizerArn"]},
    )
    assert routes.import_routes(stack.emulator, service) == 2
    return Api(stack.emulator_url, host=urlsplit(service.outputs["Url"]).netloc)


@pytest.fixture(scope="module")
def ada(api):
    """A person's address and the token of one device."""
    email = a_fresh_address()
    return email, api.register(email).json()["data"]["access_token"]


def read(notes, token=None):
    answer = notes.call("GET", "/note", token=token)
    return answer.status_code, answer.json()


REFUSED = (403, {"message": "Forbidden"})


def test_a_signed_in_person_stores_a_note_that_nobody_else_reads(notes, api, ada):
    _, token = ada
    assert notes.call("PUT", "/note", token=token, json={"text": "Buy milk"}).status_code == 200
    assert read(notes, token) == (200, {"text": "Buy milk"})
    other = api.register().json()["data"]["access_token"]
    assert read(notes, other) == (200, {"text": ""})


def test_a_device_that_is_signed_out_is_refused_on_its_next_request(notes, api, ada):
    email, token = ada
    phone = api.login(email).json()["data"]
    assert read(notes, phone["access_token"])[0] == 200
    signed_out = api.call("DELETE", f"{SESSIONS}/{phone['session']['id']}", token=token)
    assert signed_out.status_code == 200
    assert read(notes, phone["access_token"]) == REFUSED
    assert read(notes, token)[0] == 200


@pytest.mark.parametrize("token", [None, "x", "a.b.c"])
def test_a_request_without_a_session_is_refused(notes, token):
    assert read(notes, token) == REFUSED
    put = notes.call("PUT", "/note", token=token, json={"text": "Not mine"})
    assert (put.status_code, put.json()) == REFUSED

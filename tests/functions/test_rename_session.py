"""PATCH /api/v1/users/me/sessions/{session_id}: rename a device."""

from __future__ import annotations

import pytest

from tests.support.bad_input import READABLE_NAMES
from tests.support.service import IPHONE, InProcessService

SESSIONS = "/api/v1/users/me/sessions"


@pytest.fixture
def service():
    return InProcessService()


def rename(service, token, session_id, **body: object):
    return service.request("PATCH", f"{SESSIONS}/{session_id}", token=token, json_body=body)


def test_owner_renames_a_device(service):
    token = service.register().data["access_token"]
    phone = service.login(user_agent=IPHONE).data["session"]["id"]
    answer = rename(service, token, phone, device_name="  Ada's phone 📱 ")
    assert answer.status == 200
    assert answer.data["device_name"] == "Ada's phone 📱"
    assert (answer.data["is_current"], answer.data["device_info"]["os"]) == (False, "iOS")
    listed = service.request("GET", SESSIONS, token=token).data["sessions"]
    names = {session["id"]: session["device_name"] for session in listed}
    assert names[phone] == "Ada's phone 📱"
    rows = [item for item in service.table.all_items() if item.get("action") == "session.renamed"]
    assert len(rows) == 1


def test_foreign_ended_and_unknown_sessions_are_the_same_404(service):
    ada = service.register().data
    eve = service.register("eve@example.com").data
    phone = service.login(user_agent=IPHONE).data["session"]["id"]
    service.request("DELETE", f"{SESSIONS}/{phone}", token=ada["access_token"])
    for session_id in (eve["session"]["id"], phone, "ses_01kdx2w3wne4ns8ppdxwvxxxx2", "x", "%00"):
        answer = rename(service, ada["access_token"], session_id, device_name="Mine")
        assert (answer.status, answer.code) == (404, "SESSION_NOT_FOUND")


@pytest.mark.parametrize(
    "device_name",
    ["", "   ", "x" * 65, "a\r\nSet-Cookie: b=c", "\u202egpj.exe", "a\x00b", None, 5, ["a"], {}],
)
def test_a_name_is_short_and_safe_to_show(service, device_name):
    signed_in = service.register().data
    answer = rename(
        service, signed_in["access_token"], signed_in["session"]["id"], device_name=device_name
    )
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("name", READABLE_NAMES, ids=ascii)
def test_device_name_may_have_joiners(service, name):
    signed_in = service.register(device_name=name).data
    assert signed_in["session"]["device_name"] == name
    session_id = signed_in["session"]["id"]
    answer = rename(service, signed_in["access_token"], session_id, device_name=name)
    assert answer.data["device_name"] == name


def test_nothing_else_of_a_session_can_be_changed(service):
    signed_in = service.register().data
    body = {"device_name": "Mine", "expires_at": "2100-01-01T00:00:00Z"}
    answer = rename(service, signed_in["access_token"], signed_in["session"]["id"], **body)
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")

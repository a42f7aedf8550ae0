"""The main story, with handlers in process: one device signs the other out."""

from __future__ import annotations

import pytest

from tests.support.service import IPHONE, InProcessService


@pytest.fixture
def service():
    return InProcessService()


def test_one_device_signs_the_other_out(service):
    laptop = service.register().data["access_token"]
    phone = service.login(user_agent=IPHONE).data["access_token"]

    listed = service.request("GET", "/api/v1/users/me/sessions", token=laptop)
    assert listed.status == 200
    assert listed.data["total_count"] == 2
    first, second = listed.data["sessions"]
    assert (first["device_name"], first["is_current"]) == ("Chrome on Windows", True)
    assert (second["device_name"], second["is_current"]) == ("Safari on iOS", False)

    ended = service.request("DELETE", f"/api/v1/users/me/sessions/{second['id']}", token=laptop)
    assert ended.status == 200
    assert ended.data == {"session_id": second["id"], "device_name": "Safari on iOS"}

    refused = service.request("GET", "/api/v1/users/me", token=phone)
    assert (refused.status, refused.code) == (401, "SESSION_REVOKED")
    assert service.request("GET", "/api/v1/users/me", token=laptop).status == 200

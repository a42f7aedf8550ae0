"""The history of the caller's account."""

from __future__ import annotations

import json

import pytest

from latchkey.storage.memory import MemoryTable
from tests.support.audit import captured_log
from tests.support.service import IPHONE, InProcessService

PATH = "/api/v1/users/me/activity"


@pytest.fixture
def service():
    return InProcessService()


def test_history_is_in_the_language_of_the_person(service):
    laptop = service.register(speaking_language="de").data["access_token"]
    service.clock.advance(minutes=1)
    phone = service.login(user_agent=IPHONE).data["session"]["id"]
    service.clock.advance(minutes=1)
    service.request("DELETE", f"/api/v1/users/me/sessions/{phone}", token=laptop)

    english = {"accept-language": "fr;q=0.9, en-GB;q=0.8, de;q=0.1"}
    answer = service.request("GET", PATH, token=laptop, headers=english)
    assert answer.status == 200
    assert [entry["description"] for entry in answer.data["activity"]] == [
        "Signed out Safari on iOS from Chrome on Windows",
        "Signed in on Safari on iOS",
        "Signed in on Chrome on Windows",
        "Created the account",
    ]
    newest = answer.data["activity"][0]
    assert newest["action"] == "session.revoked.by_owner"
    assert newest["ip_address"] == "203.0.113.7"
    assert newest["outcome"] == "OK"

    own_language = service.request("GET", PATH, token=laptop).data["activity"][1]
    assert own_language["description"] == "Angemeldet: Safari on iOS"


def test_pages_have_no_gaps_and_no_repetitions(service):
    token = service.register().data["access_token"]
    for _ in range(6):
        service.clock.advance(minutes=1)
        service.login(user_agent=IPHONE)
    whole = service.request("GET", PATH, token=token).data["activity"]
    assert len(whole) == 8

    paged, cursor = [], None
    while True:
        query = {"limit": "3", **({"cursor": cursor} if cursor else {})}
        page = service.request("GET", PATH, token=token, query=query).data
        paged += page["activity"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert paged == whole


def test_cursor_of_another_person_is_refused(service):
    ada = service.register().data["access_token"]
    bob = service.register("bob@example.com").data["access_token"]
    cursor = service.request("GET", PATH, token=ada, query={"limit": "1"}).data["next_cursor"]
    refused = service.request("GET", PATH, token=bob, query={"cursor": cursor})
    assert (refused.status, refused.code) == (400, "INVALID_CURSOR")


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"limit": "²"}, {"cursor": ""}]
)
def test_invalid_page_is_refused(service, query):
    token = service.register().data["access_token"]
    assert service.request("GET", PATH, token=token, query=query).status == 400


def test_page_of_fifty_takes_five_read_units():
    service = InProcessService(table=MemoryTable(metered=True))
    token = service.register().data["access_token"]
    for number in range(60):
        service.clock.advance(seconds=20)
        change = {"json_body": {"age": 20 + number % 50}, "token": token}
        if number % 20 == 19:
            token = service.login().data["access_token"]
        assert service.request("PATCH", "/api/v1/users/me", **change).status == 200
    with captured_log() as log:
        answer = service.request("GET", PATH, token=token, query={"limit": "50"})
    assert len(answer.data["activity"]) == 50
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (line,) = [line for line in lines if line.get("operation") == "list_activity"]
    assert line["read_units"] <= 5

"""`clients/python`: the client, against the service in process."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from latchkey_client import ApiError, AsyncClient, Client
from latchkey_client.generated import errors, models, operations
from tests.support.python_package import transport
from tests.support.service import PASSWORD
from tools.openapi import document
from tools.python_client import SIGNED

URL = "https://accounts.test"
EMAIL = "ada@example.com"
REFRESH = "POST /api/v1/auth/refresh"


@pytest.fixture
def seen():
    return []


@pytest.fixture
def client(service, seen):
    with Client(URL, transport=transport(service, seen)) as made:
        made.register(email=EMAIL, password=PASSWORD)
        yield made


def test_a_session_from_the_registration_to_the_revocation(client, service):
    phone = Client(URL, transport=transport(service))
    tokens = phone.login(email=EMAIL, password=PASSWORD, device_name="Ada's phone")
    sessions = client.list_sessions().sessions
    assert "Ada's phone" in {each.device_name for each in sessions}
    assert isinstance(sessions[0], models.SessionView)
    assert sessions[0].created_at.tzinfo is not None
    client.revoke_session(tokens.session.id)
    with pytest.raises(errors.SessionRevoked) as refused:
        phone.get_me()
    assert (refused.value.status, refused.value.code) == (401, "SESSION_REVOKED")
    assert refused.value.request_id


def test_an_expired_token_is_refreshed_once_for_many_threads(client, service, seen):
    service.clock.advance(minutes=11)
    seen.clear()
    barrier = threading.Barrier(8)

    def read(_):
        barrier.wait()
        return client.get_me().email

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, range(8))) == {EMAIL}
    assert seen.count(REFRESH) == 1


def test_an_expired_token_is_refreshed_once_for_many_tasks(service, seen):
    async def run():
        async with AsyncClient(URL, transport=transport(service, seen)) as client:
            await client.register(email=EMAIL, password=PASSWORD)
            service.clock.advance(minutes=11)
            found = await asyncio.gather(*(client.get_me() for _ in range(20)))
            assert {each.email for each in found} == {EMAIL}
            await client.logout()
            assert client.tokens is None

    asyncio.run(run())
    assert seen.count(REFRESH) == 1


def test_a_session_that_is_over_forgets_its_tokens_and_says_why(client, service):
    kept = []
    phone = Client(URL, transport=transport(service), on_tokens=kept.append)
    session_id = phone.login(email=EMAIL, password=PASSWORD).session.id
    client.revoke_session(session_id)
    service.clock.advance(minutes=11)
    with pytest.raises(errors.SessionRevoked):
        phone.get_me()
    assert phone.tokens is None
    assert kept[-1] is None


def test_a_lost_answer_to_a_refresh_is_asked_for_again(client, service):
    through = transport(service)
    lost = []

    def lose(request):
        answer = through.handler(request)
        if request.url.path.endswith("/refresh") and not lost:
            lost.append(answer)
            raise httpx2.ReadError("lost", request=request)
        return answer

    other = Client(URL, tokens=client.tokens, transport=httpx2.MockTransport(lose))
    service.clock.advance(minutes=11)
    assert other.get_me().email == EMAIL
    assert lost


def test_a_503_is_repeated_for_a_get_and_not_for_a_change(monkeypatch):
    pauses, calls = [], []
    monkeypatch.setattr("latchkey_client.client.time.sleep", pauses.append)
    body = {"success": False, "error": {"code": "TEMPORARILY_UNAVAILABLE", "message": "x"}}

    def down(request):
        calls.append(request.method)
        return httpx2.Response(503, headers={"retry-after": "2"}, json=body)

    client = Client(URL, transport=httpx2.MockTransport(down))
    for call in (client.get_health, lambda: client.forgot_password(email=EMAIL)):
        with pytest.raises(errors.TemporarilyUnavailable) as refused:
            call()
        assert refused.value.retry_after == 2
    assert calls == ["GET", "GET", "GET", "POST"]
    assert pauses == [2, 2]


def test_what_is_unset_is_not_sent_and_none_clears(client):
    client.update_me(full_name="Ada Lovelace", username="ada")
    changed = client.update_me(username=None)
    assert (changed.full_name, changed.username) == ("Ada Lovelace", None)


def test_details_name_the_field(client):
    with pytest.raises(errors.ValidationError) as refused:
        client.login(email="not an address", password="")
    assert {(each.field, each.code) for each in refused.value.details} >= {
        ("password", "TOO_SHORT")
    }


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(502, text="<html>"),
        httpx2.Response(403, json={"message": "Forbidden"}),
        httpx2.Response(500, json=[1]),
        httpx2.Response(400, json={"success": False, "error": {"code": "NEW_CODE"}}),
    ],
)
def test_an_unknown_error_is_still_an_api_error(answer):
    client = Client(URL, transport=httpx2.MockTransport(lambda _: answer))
    with pytest.raises(ApiError) as refused:
        client.login(email=EMAIL, password=PASSWORD)
    assert refused.value.status == answer.status_code


def test_an_answer_of_tomorrow_is_read_today(client, service):
    through = transport(service)

    def later(request):
        answer = through.handler(request)
        body = json.loads(answer.content)
        if isinstance(body.get("data"), dict):
            body["data"]["a_new_field"] = {"x": [1]}
        return httpx2.Response(answer.status_code, json=body)

    other = Client(URL, tokens=client.tokens, transport=httpx2.MockTransport(later))
    assert other.get_me().email == EMAIL


def test_every_operation_of_the_contract_has_a_method_in_both_clients():
    expected = {
        "".join(f"_{c.lower()}" if c.isupper() else c for c in operation["operationId"])
        for methods in document()["paths"].values()
        for operation in methods.values()
        if SIGNED not in operation["security"]
    }
    for kind in (operations.Operations, operations.AsyncOperations):
        found = {name for name, _ in inspect.getmembers(kind, inspect.isfunction)}
        assert {name for name in found if not name.startswith("_")} == expected
    assert set(errors.BY_CODE) == set(document()["components"]["schemas"]["ErrorCode"]["enum"])


def test_every_read_of_a_person_parses(client):
    client.update_me(full_name="Ada Lovelace")
    client.replace_preferences({"wifi": True})
    assert client.get_preferences()["wifi"] is True
    assert client.list_activity()
    assert client.list_consents()
    client.request_export()
    assert client.list_exports()
    assert client.get_jwks().keys
    assert client.get_metadata().issuer == URL
    assert client.get_health().status == "ok"

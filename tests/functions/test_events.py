"""Every function handles its own event of `events/` as the contract says."""

from __future__ import annotations

import importlib
import json

import pytest

from latchkey.domain.effects import Queue
from tests.support.contract import require_documented
from tests.support.outbox import Invocation
from tests.support.pictures import png
from tests.support.service import IPHONE, PASSWORD, InProcessService
from tools import sample_events
from tools.operations import endpoints, operations
from tools.template import ROOT


@pytest.fixture
def service():
    return InProcessService(SELF_SERVICE_RESTORE="on")


@pytest.fixture
def read_event(service):
    """Read an event; Ada, who asks in all of them, exists, and so do her two devices."""
    here = service.register("ada@example.com").data
    there = service.login("ada@example.com", user_agent=IPHONE).data
    offered = service.request(
        "POST",
        "/api/v1/users/me/avatar/uploads",
        json_body={"content_type": "image/png"},
        token=here["access_token"],
    ).data
    service.media.uploads[offered["upload_id"]] = png()
    for item in service.table._items.values():
        # The events of administrators' operations come from an administrator's session.
        if item.get("id") == here["session"]["id"]:
            item["role"] = "admin"
    real = {
        sample_events.ACCOUNT_ID: here["user"]["id"],
        sample_events.SESSION_ID: here["session"]["id"],
        sample_events.OTHER_SESSION_ID: there["session"]["id"],
        sample_events.UPLOAD_ID: offered["upload_id"],
        "<access token>": here["access_token"],
        "<refresh token>": here["refresh_token"],
    }

    def read(name):
        text = (ROOT / "events" / f"{name}.json").read_text()
        for example, live in real.items():
            text = text.replace(example, live)
        if sample_events.EXPORT_ID in text:
            export_id = an_export(service, here["access_token"])
            text = text.replace(sample_events.EXPORT_ID, export_id)
        for example, page in LINKS.items():
            if example in text:
                text = text.replace(example, mailed_token(service, here["access_token"], page))
        return json.loads(text)

    return read


def an_export(service, token):
    response = service.request("POST", "/api/v1/users/me/export", token=token)
    service.work()
    return response.data["id"]


LINKS = {
    "<verification token>": "verify-email",
    "<reset token>": "reset-password",
    "<undo token>": "undo-email-change",
    "<restore token>": "restore-account",
    "<not-me token>": "not-me",
}
"""The page of the emailed link whose token an event has."""


def mailed_token(service, access_token, page):
    """Get every mail that an account's owner gets, until one has a link to this page."""
    email = {"email": "ada@example.com"}
    service.request("POST", "/api/v1/auth/password/forgot", json_body=email)
    service.work()
    if page == "undo-email-change":
        new = {"email": "ada@analytical.example"}
        service.request("POST", "/api/v1/users/me/email", json_body=new, token=access_token)
        service.work()
        token = service.mailbox.last("ada@analytical.example").token
        proof = {"token": token, "password": PASSWORD}
        service.request("POST", "/api/v1/auth/email/verify", json_body=proof)
        service.work()
    if page == "restore-account":
        service.request("DELETE", "/api/v1/users/me", token=access_token)
        service.work()
    (mail,) = [m for m in service.mailbox.to("ada@example.com") if f"/{page}#" in m.letter.text]
    return mail.token


def handler(name):
    return importlib.import_module(f"functions.{name}.app").handler


def require_answer_is_documented(name, answer):
    route = FIRST[name].route
    media_type = answer["headers"]["content-type"]
    body = json.loads(answer["body"])
    require_documented(route.method, route.path, answer["statusCode"], media_type, body)


FIRST = {
    operation.route.function: operation for operation in operations() if not operation.alias_of
}


@pytest.mark.parametrize("name", sorted(endpoints()))
def test_an_endpoint_answers_its_event_with_success(name, read_event):
    answer = handler(name)(read_event(name))
    body = json.loads(answer["body"])
    assert 200 <= answer["statusCode"] < 300, body
    require_answer_is_documented(name, answer)


@pytest.mark.parametrize("name", sorted(endpoints()))
@pytest.mark.parametrize("accept", ["application/json", "application/problem+json"])
def test_an_unexpected_query_parameter_is_a_documented_error(name, accept, read_event):
    event = read_event(name)
    event["queryStringParameters"] = {"surprise": "1"}
    event["headers"]["accept"] = accept
    answer = handler(name)(event)
    assert answer["statusCode"] == 400
    assert answer["headers"]["content-type"] == accept
    require_answer_is_documented(name, answer)


@pytest.mark.parametrize(
    "name", sorted(n for n, endpoint in endpoints().items() if endpoint.spec.caller.authorizer)
)
def test_request_without_an_authorizer_context_is_not_authenticated(name, read_event):
    event = read_event(name)
    del event["requestContext"]["authorizer"]
    answer = handler(name)(event)
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["error"]["code"]) == (401, "TOKEN_MISSING")
    require_answer_is_documented(name, answer)


def test_the_authorizer_lets_its_event_pass(read_event):
    verdict = handler("authorizer")(read_event("authorizer"))
    assert verdict["isAuthorized"] is True
    assert verdict["context"].keys() == {
        *("account_id", "session_id", "auth_time", "role"),
        *("audit_subject", "device_name", "origin"),
        *("auth_ms", "auth_read_units", "auth_write_units"),
    }


def test_events_have_the_authorizers_context(read_event):
    verdict = handler("authorizer")(read_event("authorizer"))
    event = read_event("get_me")
    assert event["requestContext"]["authorizer"]["lambda"].keys() == verdict["context"].keys()


def test_the_schedule_adds_a_key_when_the_newest_is_due(service, read_event):
    (old,) = service.keys.key_ring().keys
    answer = handler("rotate_signing_keys")(read_event("rotate_signing_keys"))
    assert answer["kids"] == [old.kid, service.keys.key_ring().keys[-1].kid]
    assert len(answer["kids"]) == 2


def test_relay_sends_the_messages_of_the_stream(service, read_event):
    answer = handler("relay_outbox")(read_event("relay_outbox"))
    assert answer == {"batchItemFailures": []}
    assert service.queues.sent == {Queue.MAIL: ["msg_01kdx2w3wne4ns8ppdxwvxxxx0"]}


def test_workers_drop_finished_messages(read_event):
    for name in ("export_worker", "export_dead_letters"):
        assert handler(name)(read_event(name), Invocation()) == {"batchItemFailures": []}


def test_cleanup_returns_the_result_of_each_task(service, read_event):
    done = handler("cleanup")(read_event("cleanup"))
    assert done.pop("send_heartbeats") > 0
    assert set(done.values()) == {0}
    assert "redrive_exports" not in done


def test_worker_drops_a_missing_message(read_event):
    assert handler("send_mail")(read_event("send_mail")) == {"batchItemFailures": []}

"""New passwords that a range service of breached passwords knows, if one is configured."""

from __future__ import annotations

import socket
import time

import pytest

from latchkey.storage.breached_passwords import BreachedPasswords
from tests.support.person import ME, Person
from tests.support.range_service import range_service, sha1
from tests.support.service import PASSWORD, InProcessService

pytestmark = pytest.mark.enable_socket

LEAKED = "violet harbour sings at noon"
FRESH = "cobalt meadow hums at dusk"


@pytest.fixture
def ranges():
    with range_service(LEAKED) as service:
        yield service


@pytest.fixture
def service(ranges):
    return InProcessService(BREACHED_PASSWORD_CHECK=ranges.url)


def register(service, password, email="grace@example.com"):
    body = {"email": email, "password": password}
    return service.request("POST", "/api/v1/auth/register", json_body=body)


def change(service, password):
    ada = Person(service)
    body = {"current_password": PASSWORD, "new_password": password}
    return ada.request("PUT", f"{ME}/password", json_body=body)


def reset(service, password):
    ada = Person(service)
    service.request("POST", "/api/v1/auth/password/forgot", json_body={"email": ada.email})
    service.work()
    body = {"token": service.mailbox.last(ada.email).token, "new_password": password}
    return service.request("POST", "/api/v1/auth/password/reset", json_body=body)


@pytest.mark.parametrize(
    ("choose", "field", "done"),
    [(register, "password", 201), (change, "new_password", 200), (reset, "new_password", 202)],
)
def test_known_password_is_refused_like_a_common_one(service, choose, field, done):
    refused = choose(service, LEAKED)
    common = register(service, "thisismypassword", "other@example.com")
    assert (refused.status, refused.code) == (common.status, common.code)
    ours, theirs = refused.body["error"]["details"][0], common.body["error"]["details"][0]
    assert ours == {**theirs, "field": field}
    assert (ours["field"], ours["code"]) == (field, "TOO_COMMON")


@pytest.mark.parametrize(
    ("choose", "done"),
    [(register, 201), (change, 200), (reset, 202)],
    ids=["register", "change", "reset"],
)
def test_unknown_password_is_accepted(service, ranges, choose, done):
    assert choose(service, FRESH).status == done
    assert ranges.requests


def test_only_the_prefix_of_the_digest_leaves(service, ranges):
    register(service, FRESH)
    digest = sha1(FRESH)
    ((path, headers, body),) = ranges.requests
    assert path == f"/base/range/{digest[:5]}"
    assert headers["Add-Padding"] == "true"
    assert body == b""
    sent = f"{path}{headers}".upper()
    assert digest[5:12] not in sent
    assert "GRACE" not in sent


@pytest.mark.parametrize("password", ["short", "thisismypassword"])
def test_password_that_is_refused_anyway_is_not_asked_for(service, ranges, password):
    assert register(service, password).status == 400
    assert ranges.requests == []


def test_nothing_is_asked_by_default(ranges):
    assert register(InProcessService(), LEAKED).status == 201
    assert ranges.requests == []


@pytest.mark.parametrize("status", [301, 400, 404, 429, 500, 503])
def test_error_of_the_service_is_no_refusal(service, ranges, status):
    ranges.status = status
    assert register(service, LEAKED).status == 201
    assert len(ranges.requests) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"\x00\xff:\xfe", b":", b"A" * 600_000, ("9" * 35 + ":x").encode()],
    ids=["empty", "a page", "bytes", "a colon", "too long", "no count"],
)
def test_garbage_is_no_refusal(service, ranges, body):
    ranges.body = body
    assert register(service, LEAKED).status == 201


def test_padding_is_no_refusal(service, ranges):
    digest = sha1(LEAKED)
    ranges.body = f"{digest[5:]}:0".encode()
    assert register(service, LEAKED).status == 201


def test_lower_case_endings_are_understood(service, ranges):
    digest = sha1(LEAKED).lower()
    ranges.body = f"{digest[5:]}:1\n".encode()
    assert register(service, LEAKED).status == 400


@pytest.mark.parametrize("delay", [60, 0.5], ids=["no answer", "a byte at a time"])
def test_slow_answer_is_not_waited_for(ranges, delay):
    ranges.delay = delay
    began = time.monotonic()
    assert LEAKED not in BreachedPasswords(ranges.url, timeout_seconds=0.2)
    # Both answers take ten seconds and more.
    assert time.monotonic() - began < 9


def test_service_that_is_down_is_no_refusal():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    assert register(InProcessService(BREACHED_PASSWORD_CHECK=url), LEAKED).status == 201


@pytest.mark.parametrize("choose", [register, change, reset])
def test_nothing_of_it_is_logged(service, caplog, capsys, choose):
    choose(service, LEAKED)
    logged = (caplog.text + capsys.readouterr().out).upper()
    for password in (LEAKED, FRESH):
        digest = sha1(password)
        assert password.upper() not in logged
        assert digest[:8] not in logged
    assert "RANGE/" not in logged

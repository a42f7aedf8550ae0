"""The client of the hot functions, against botocore and against a server that misbehaves."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import threading
import time
import zlib
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials as BotoCredentials
from botocore.session import Session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latchkey.config import LEAN_CLIENT_OPERATIONS, uses_lean_client
from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import AWS_ATTEMPTS, AWS_CONNECT_SECONDS, AWS_READ_SECONDS
from latchkey.storage import lean_client
from latchkey.storage.aws import AwsError
from latchkey.storage.boto_client import CLIENT_CONFIG
from latchkey.storage.credentials import CredentialsSource
from latchkey.storage.dynamodb import WRITE_ID, DynamoDBTable
from latchkey.storage.lean_client import LeanClient, endpoint
from latchkey.storage.sigv4 import Credentials, sign
from latchkey.storage.table import ABSENT, EXISTS, Change, ConditionFailed, Key, Put, Query, Update
from tests.support.certificates import self_signed

pytestmark = pytest.mark.enable_socket

KEY = Key("p", "A")
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG"}
NOW = 1_767_323_045.0
STAMP = "20260102T030405Z"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in {**KEYS, "AWS_SESSION_TOKEN": "token", "AWS_REGION": "eu-west-1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


# A server with a script -------------------------------------------------------------------------


def response(status=200, body=b"{}", **headers):
    """Write an answer with its checksum."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {
        "Content-Length": str(len(content)),
        "x-amz-crc32": str(zlib.crc32(content)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + content


def refusal(code, status=400, **more):
    return response(status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", **more})


class Close:
    """Close the connection: after these bytes, or without an answer."""

    def __init__(self, content=b"") -> None:
        self.content = content


class Hang:
    """Answer nothing, and keep the connection."""


CLOSED_AFTER = "closed after"


class Server:
    """Answers each request with the next step; it notes requests and connections."""

    def __init__(self, context=None) -> None:
        self.steps: list[Any] = []
        self.requests: list[Any] = []
        self.connections = 0
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def play(self, *steps):
        self.steps = list(steps)

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes up accept
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as stream:
                while self._answer(connection, stream):
                    pass
        except OSError:
            pass

    def _answer(self, connection, stream):
        line = stream.readline()
        if not line:
            return False
        headers = {}
        while (header := stream.readline()) not in {b"\r\n", b""}:
            name, _, value = header.decode().partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        self.requests.append((line.decode().split()[:2], headers, body))
        step = self.steps.pop(0)
        if isinstance(step, Hang):
            time.sleep(30)
            return False
        if isinstance(step, Close):
            connection.sendall(step.content)
            return False
        if isinstance(step, tuple):
            step, _ = step
            connection.sendall(step)
            return False
        connection.sendall(step(body) if callable(step) else step)
        return True


@pytest.fixture(autouse=True)
def closing(monkeypatch):
    """Close the connections of all clients."""
    clients = []
    make = LeanClient.__init__

    def noted(self, *args, **options):
        make(self, *args, **options)
        clients.append(self)

    monkeypatch.setattr(LeanClient, "__init__", noted)
    yield
    for client in clients:
        client.close()


@pytest.fixture
def server(monkeypatch):
    started = Server()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{started.port}")
    yield started
    started.close()


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def client(server, pauses):
    return LeanClient(sleep=pauses.append)


def get_item(client):
    return client.call("GetItem", {"TableName": "t", "Key": {}})


# Requests ---------------------------------------------------------------------------------------


class Wires:
    """Sends the same requests by botocore and by the lean client, and compares."""

    def __init__(self, monkeypatch, service, target) -> None:
        self.sent: defaultdict[str, list[Any]] = defaultdict(list)
        self._service = service
        monkeypatch.setattr("time.strftime", lambda *_: STAMP)
        monkeypatch.setattr(
            botocore.auth,
            "get_current_datetime",
            lambda *_: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        )
        self._boto = Session().create_client(service)
        self._boto.meta.events.register(f"before-send.{service}", self._by_botocore)
        self._lean = LeanClient(service)
        monkeypatch.setattr(self._lean, "_take", lambda: self)
        self._target = target

    def compare(self, operation, request):
        method = "".join(f"_{c.lower()}" if c.isupper() else c for c in operation).lstrip("_")
        getattr(self._boto, method)(**request)
        with pytest.raises(StopIteration):
            self._lean.call(operation, request)
        (expected,), (found,) = self.sent["botocore"], self.sent["lean"]
        assert found == expected
        self.sent.clear()

    def post(self, path, headers, body):
        self._note("lean", "POST", path, body, headers)
        raise StopIteration

    def _by_botocore(self, request, **_):
        headers = {
            name: value if isinstance(value, str) else value.decode()
            for name, value in request.headers.items()
        }
        headers["Host"] = request.url.split("/")[2]
        self._note("botocore", request.method, "/", request.body, headers)
        return AWSResponse(request.url, 200, HTTPHeaders(), _Empty())

    def _note(self, who, method, path, body, headers):
        headers = {name.lower(): value for name, value in headers.items()}
        signed = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
        kept = {name: headers[name] for name in (*signed.split(";"), "authorization")}
        self.sent[who].append((method, path, bytes(body), kept))


class _Empty:
    def stream(self):
        return [b"{}"]


def requests_of_a_table():
    """Every request that a table sends."""

    class Noting:
        def __init__(self) -> None:
            self.requests: list[Any] = []

        def call(self, operation, request):
            self.requests.append((operation, request))
            return {"Items": [], "Responses": {}, "Attributes": {"pk": {"S": "p"}}}

    noting = Noting()
    table = DynamoDBTable(noting, {"main": "main", "audit": "audit"})
    table.get(KEY, consistent=False)
    table.get_many([KEY, Key("é", "\u2028", "audit")])
    table.query(Query(partition="p", prefix="A", limit=3, start_after={"pk": "p", "sk": "A"}))
    table.put(Put(KEY, {"b": b"\x00\xff", "n": -1, "t": True, "l": [None, {"m": "ü"}]}, ABSENT))
    table.update(Update(KEY, Change(assign={"a": "x"}, add={"n": 1}, drop=("z",)), EXISTS))
    table.delete_many([KEY])
    table.transact([Put(KEY, {"n": 1}, ABSENT)])
    return noting.requests


TABLE_REQUESTS = requests_of_a_table()


@pytest.mark.parametrize("token", ["token", ""])
@pytest.mark.parametrize("number", range(len(TABLE_REQUESTS)))
def test_table_requests_are_those_of_botocore(monkeypatch, number, token):
    monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    operation, request = TABLE_REQUESTS[number]
    Wires(monkeypatch, "dynamodb", operation).compare(operation, request)


def test_comparison_covers_every_operation_of_a_table():
    assert {operation for operation, _ in TABLE_REQUESTS} >= {
        "BatchGetItem",
        "BatchWriteItem",
        "GetItem",
        "PutItem",
        "Query",
        "TransactWriteItems",
        "UpdateItem",
    }


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("GetParameter", {"Name": "/latchkey/é", "WithDecryption": True}),
        ("GetParameters", {"Names": ["/a", "/b"], "WithDecryption": True}),
        ("PutParameter", {"Name": "/a", "Value": "v", "Type": "String", "Overwrite": True}),
    ],
)
def test_parameter_requests_are_those_of_botocore(monkeypatch, operation, request_):
    Wires(monkeypatch, "ssm", operation).compare(operation, request_)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    body=st.binary(max_size=200),
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60),
    token=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
    place=st.tuples(
        st.sampled_from(["dynamodb", "ssm"]),
        st.sampled_from(["eu-west-1", "us-gov-west-1", "cn-north-1"]),
        st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
    ),
)
def test_any_signature_is_that_of_botocore(monkeypatch, body, secret, token, place):
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_: at)
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "Any.Thing"}
    service, region, at = place
    address = f"https://{service}.{region}.amazonaws.com/"
    expected = AWSRequest("POST", address, headers=headers, data=body)
    boto = BotoCredentials("AKID", secret, token or None)
    botocore.auth.SigV4Auth(boto, service, region).add_auth(expected)
    found = sign(
        {**headers, "host": f"{service}.{region}.amazonaws.com"},
        body,
        credentials=Credentials("AKID", secret, token),
        at=at.strftime("%Y%m%dT%H%M%SZ"),
        region=region,
        service=service,
    )
    assert found["authorization"] == expected.headers["Authorization"]


def test_published_example_of_a_signature():
    """AWS's test suite for Signature Version 4: `post-vanilla`."""
    signed = sign(
        {"host": "example.amazonaws.com"},
        b"",
        credentials=Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""),
        at="20150830T123600Z",
        region="us-east-1",
        service="service",
    )
    assert signed["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, "
        "Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
    )


@pytest.mark.parametrize("service", ["dynamodb", "ssm"])
def test_endpoints_are_those_of_botocore(service):
    session = Session()
    regions = [
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions(service, partition)
    ]
    assert len(regions) > 30
    for region in regions:
        expected = session.create_client(service, region).meta.endpoint_url
        assert endpoint(service, region) == expected


@pytest.mark.parametrize(
    ("variables", "dynamodb", "ssm"),
    [
        ({"AWS_ENDPOINT_URL": "http://a"}, "http://a", "http://a"),
        (
            {"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_SSM": "http://b"},
            "http://a",
            "http://b",
        ),
        (
            {"AWS_ENDPOINT_URL": "http://a", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "https://dynamodb.eu-west-1.amazonaws.com",
            "https://ssm.eu-west-1.amazonaws.com",
        ),
    ],
)
def test_configured_endpoints_are_used(monkeypatch, variables, dynamodb, ssm):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert endpoint("dynamodb", "eu-west-1") == dynamodb
    assert endpoint("ssm", "eu-west-1") == ssm
    for service, expected in (("dynamodb", dynamodb), ("ssm", ssm)):
        assert Session().create_client(service).meta.endpoint_url == expected


@pytest.mark.parametrize(
    "name",
    ["HTTPS_PROXY", "https_proxy", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"],
)
def test_environment_beyond_the_client_gets_botocore(name):
    for operation in LEAN_CLIENT_OPERATIONS:
        assert uses_lean_client({"OPERATION": operation, name: "false"})
        assert not uses_lean_client({"OPERATION": operation, name: "true"})
    assert not uses_lean_client({"OPERATION": "change_email"})


# Connections ------------------------------------------------------------------------------------


def test_connection_is_kept(server, client):
    server.play(*[response(body={"n": n}) for n in range(5)])
    assert [get_item(client)["n"] for _ in range(5)] == list(range(5))
    assert server.connections == 1


def test_connection_can_be_opened_ahead(server, client):
    client.connect()
    server.play(response())
    get_item(client)
    assert server.connections == 1


def test_unreachable_server_is_no_error_ahead(server, client):
    server.close()
    client.connect()
    with pytest.raises(TemporarilyUnavailable):
        get_item(client)


def test_connection_closed_between_requests_costs_no_attempt(server, client, pauses):
    server.play((response(), CLOSED_AFTER), (response(), CLOSED_AFTER), response())
    for _ in range(3):
        get_item(client)
        time.sleep(0.05)
    assert server.connections == 3
    assert pauses == []


def test_announced_end_of_a_connection_is_noticed(server, client, pauses):
    server.play(*[(response(Connection="close"), CLOSED_AFTER)] * 2)
    get_item(client)
    get_item(client)
    assert server.connections == 2
    assert pauses == []


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_answer_may_come_in_any_parts(server, client, size):
    body = json.dumps({"text": "é" * 40_000 if size == 1000 else "é"}).encode()
    chunks = b"".join(
        b"%x;n=v\r\n%s\r\n" % (len(part), part)
        for part in (body[at : at + size] for at in range(0, len(body), size))
    )

    def slowly(_):
        (connection,) = server._open
        for answer in (response(body=body), CHUNKED + chunks + b"0\r\n\r\n"):
            for at in range(0, len(answer), size):
                connection.sendall(answer[at : at + size])
            yield

    sending = slowly(None)
    server.play(lambda _: next(sending) or b"", lambda _: next(sending) or b"")
    assert get_item(client) == get_item(client) == json.loads(body)
    assert server.connections == 1


def test_header_with_a_line_break_is_not_sent(server, client, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a\r\nx-amz-target: b")
    with pytest.raises(TemporarilyUnavailable):
        get_item(client)
    assert server.requests == []


def test_answer_that_drips_is_unavailable_in_time(server, client, monkeypatch):
    monkeypatch.setattr(lean_client, "AWS_READ_SECONDS", 0.2)

    def drip(_):
        connection = server._open[-1]
        with contextlib.suppress(OSError):
            for _ in range(100):
                connection.sendall(b"H")
                time.sleep(0.05)
        return b""

    server.play(*[drip] * AWS_ATTEMPTS)
    started = time.monotonic()
    with pytest.raises(TemporarilyUnavailable):
        get_item(client)
    assert time.monotonic() - started < 4


def test_threads_do_not_share_a_connection(server, client):
    together = threading.Barrier(3)

    def answer_together(_):
        together.wait(10)
        return response()

    server.play(*[answer_together] * 3, response())
    threads = [threading.Thread(target=get_item, args=(client,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.connections == 3
    get_item(client)
    assert server.connections == 3


def test_timeouts_are_those_of_botocore(server, client):
    assert CLIENT_CONFIG.connect_timeout == AWS_CONNECT_SECONDS
    assert CLIENT_CONFIG.read_timeout == AWS_READ_SECONDS
    assert CLIENT_CONFIG.retries["total_max_attempts"] == AWS_ATTEMPTS
    client.connect()
    (connection,) = client._idle
    assert connection.socket.gettimeout() == AWS_READ_SECONDS


# Retries ----------------------------------------------------------------------------------------

CUT = response(body={"Item": {}})
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
DEEP = b'{"a":' * 20_000 + b"1" + b"}" * 20_000
PASSING = {
    "closed without an answer": Close(),
    "cut in the status": Close(b"HTTP/1."),
    "cut in the headers": Close(CUT[:30]),
    "cut in the body": Close(CUT[:-3]),
    "wrong checksum": response(x_amz_crc32="1"),
    "no JSON": response(body=b"<html>"),
    "no object": response(body=b"[]"),
    "too deep": response(body=DEEP),
    "an error too deep": response(500, DEEP),
    "a length beyond any memory": Close(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1%s\r\n\r\n" % (b"0" * 30)
    ),
    "a chunk beyond any memory": Close(CHUNKED + b"f" * 30 + b"\r\n{}\r\n0\r\n\r\n"),
    "a chunk of a negative length": Close(CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n"),
    "a chunk that is cut": Close(CHUNKED + b"20\r\n{}"),
    "a chunk without its end": Close(CHUNKED + b"2\r\n{}0\r\n\r\n"),
    "chunks with trailers": Close(CHUNKED + b"2\r\n{}\r\n0\r\nA: b\r\n\r\n"),
    "chunks and a length": Close(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + CHUNKED[17:] + b"2\r\n{}\r\n0\r\n\r\n"
    ),
    "an unknown coding": Close(CHUNKED.replace(b"chunked", b"gzip") + b"{}"),
    "no length": Close(b"HTTP/1.1 200 OK\r\n\r\n{}"),
    "two lengths": response(content_length="2"),
    "a signed length": response(Content_Length="+2"),
    "a length in other digits": Close("HTTP/1.1 200 OK\r\nContent-Length: ²\r\n\r\n{}".encode()),
    "more than the answer": response() + b"{}",
    "two answers": response() + response(),
    "an interim answer": Close(b"HTTP/1.1 100 Continue\r\n\r\n" + response()),
    "a folded header": Close(b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\n{}"),
    "a header without a colon": Close(b"HTTP/1.1 200 OK\r\nA\r\nContent-Length: 2\r\n\r\n{}"),
    "headers without an end": Close(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000),
    "HTTP/2": Close(b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    "a status of four digits": Close(b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n{}"),
    "not HTTP": Close(b"\x15\x03\x01\r\n\r\n"),
    "internal error": refusal("InternalServerError", 500),
    "unavailable": refusal("ServiceUnavailable", 503),
    "a proxy's page": response(502, b"<html>Bad Gateway</html>"),
    "error without a body": response(500, b""),
    "capacity": refusal("ProvisionedThroughputExceededException"),
    "throttle": refusal("ThrottlingException"),
    "request limit": refusal("RequestLimitExceeded"),
    "429 without a code": response(429, b""),
}
THROTTLES = {"capacity", "throttle", "request limit", "429 without a code"}


@pytest.mark.parametrize("kind", PASSING)
def test_transient_error_is_retried(server, client, pauses, kind):
    server.play(*[PASSING[kind]] * (AWS_ATTEMPTS - 1), response(body={"n": 1}))
    assert get_item(client) == {"n": 1}
    first, *others = [(line, body) for line, _, body in server.requests]
    assert others == [first] * (AWS_ATTEMPTS - 1)
    bounds = (1, 2) if kind in THROTTLES else (0.025, 0.05)
    assert len(pauses) == len(bounds)
    assert all(0 <= pause <= bound for pause, bound in zip(pauses, bounds, strict=True))


@pytest.mark.parametrize("kind", PASSING)
def test_persistent_error_is_unavailable(server, client, kind):
    server.play(*[PASSING[kind]] * AWS_ATTEMPTS)
    with pytest.raises(TemporarilyUnavailable) as caught:
        get_item(client)
    assert caught.value.retry_after_seconds > 0
    assert caught.value.data["reason"]
    assert len(server.requests) == AWS_ATTEMPTS


def test_request_is_signed_again_for_each_attempt(server, pauses):
    times = iter([NOW, NOW + 100])
    client = LeanClient(sleep=pauses.append, now=lambda: next(times))
    server.play(Close(), response())
    get_item(client)
    first, second = (headers for _, headers, _ in server.requests)
    assert first["x-amz-date"] < second["x-amz-date"]
    assert first["authorization"] != second["authorization"]


def test_hanging_server_is_unavailable_in_time(server, client, monkeypatch):
    monkeypatch.setattr(lean_client, "AWS_READ_SECONDS", 0.1)
    server.play(*[Hang()] * AWS_ATTEMPTS)
    started = time.monotonic()
    with pytest.raises(TemporarilyUnavailable) as caught:
        get_item(client)
    assert caught.value.data["reason"] == "TimeoutError"
    assert time.monotonic() - started < 5
    # A late answer must not be taken for that of the next request.
    assert server.connections == AWS_ATTEMPTS


@pytest.mark.parametrize(
    "code", ["ValidationException", "AccessDeniedException", "TransactionInProgressException"]
)
def test_other_error_is_raised_at_once(server, client, code):
    server.play(refusal(code, message="why"))
    with pytest.raises(AwsError) as caught:
        get_item(client)
    assert caught.value.code == code
    assert caught.value.body["message"] == "why"
    assert len(server.requests) == 1


def test_error_with_a_status_of_success_is_an_error(server, client, pauses):
    server.play(refusal("ValidationException", 200))
    with pytest.raises(AwsError, match="ValidationException"):
        get_item(client)


def test_error_without_a_code_has_its_status(server, client):
    server.play(response(404, b"not here"))
    with pytest.raises(AwsError) as caught:
        get_item(client)
    assert caught.value.code == "404"


def test_retries_end_while_nothing_succeeds(server, client):
    server.play(*[Close()] * 1000)
    for _ in range(30):
        with pytest.raises(TemporarilyUnavailable):
            get_item(client)
    # 500 tokens are 35 retries.
    assert len(server.requests) == 30 + 35
    server.play(*[response()] * 14, Close(), response(body={"n": 1}))
    for _ in range(14):
        get_item(client)
    assert get_item(client) == {"n": 1}


# The clock --------------------------------------------------------------------------------------


ENDLESS = "Mon, 01 Jan 2026 00:00:00 +" + "9" * 30


def at_aws(minutes):
    return format_datetime(
        datetime.fromtimestamp(NOW, UTC) + timedelta(minutes=minutes), usegmt=True
    )


@pytest.mark.parametrize("minutes", [-60, 5, 600])
def test_wrong_clock_is_corrected(server, pauses, minutes):
    client = LeanClient(sleep=pauses.append, now=lambda: NOW)
    refused = response(400, {"__type": "x#InvalidSignatureException"}, Date=at_aws(minutes))
    server.play(refused, response(), response())
    get_item(client)
    get_item(client)
    stamps = [headers["x-amz-date"] for _, headers, _ in server.requests]
    expected = datetime.fromtimestamp(NOW, UTC) + timedelta(minutes=minutes)
    assert stamps == [STAMP, *[expected.strftime("%Y%m%dT%H%M%SZ")] * 2]
    assert pauses == []


@pytest.mark.parametrize("date", [at_aws(1), "yesterday", None, ENDLESS])
def test_refused_signature_with_a_right_clock_is_an_error(server, pauses, date):
    client = LeanClient(sleep=pauses.append, now=lambda: NOW)
    server.play(response(400, {"__type": "x#InvalidSignatureException"}, Date=date))
    with pytest.raises(AwsError, match="InvalidSignatureException"):
        get_item(client)


def test_clock_is_corrected_once_for_a_request(server, pauses):
    client = LeanClient(sleep=pauses.append, now=lambda: NOW)
    steps = [
        response(403, {"__type": "x#RequestTimeTooSkewed"}, Date=at_aws(m)) for m in (60, 120, 180)
    ]
    server.play(*steps)
    with pytest.raises(AwsError, match="RequestTimeTooSkewed"):
        get_item(client)
    assert len(server.requests) == 2


# Writes whose answer was lost, on the table ------------------------------------------------------


@pytest.fixture
def table(client, pauses):
    return DynamoDBTable(client, {"main": "main", "audit": "audit"}, sleep=pauses.append)


def test_put_whose_answer_was_lost_is_no_conflict(server, table):
    def already_there(body):
        return refusal("ConditionalCheckFailedException", Item=json.loads(body)["Item"])

    server.play(Close(), already_there)
    table.put(Put(KEY, {"n": 1}, ABSENT))
    (_, _, first), (_, _, second) = server.requests
    assert first == second


def test_update_whose_answer_was_lost_returns_the_item(server, table):
    def already_changed(body):
        values = json.loads(body)["ExpressionAttributeValues"]
        (mark,) = (value for value in values.values() if "B" in value)
        item = {"pk": {"S": "p"}, "n": {"N": "2"}, WRITE_ID: mark}
        return refusal("ConditionalCheckFailedException", Item=item)

    server.play(refusal("InternalServerError", 500), already_changed)
    assert table.update(Update(KEY, Change(add={"n": 1}), EXISTS))["n"] == 2


def test_put_after_another_write_is_a_conflict(server, table):
    other = {"pk": {"S": "p"}, WRITE_ID: {"B": "AAAA"}}
    server.play(Close(), refusal("ConditionalCheckFailedException", Item=other))
    with pytest.raises(ConditionFailed) as caught:
        table.put(Put(KEY, {"n": 1}, ABSENT))
    assert caught.value.item == {"pk": "p", WRITE_ID: b"\x00\x00\x00"}


def test_transaction_keeps_its_token(server, table):
    conflict = [{"Code": "TransactionConflict"}]
    failed = [{"Code": "ConditionalCheckFailed", "Item": {"pk": {"S": "p"}, "b": {"B": "/w=="}}}]
    server.play(
        Close(),
        refusal("TransactionInProgressException"),
        refusal("TransactionCanceledException", CancellationReasons=conflict),
        refusal("TransactionCanceledException", CancellationReasons=failed),
    )
    with pytest.raises(ConditionFailed) as caught:
        table.transact([Put(KEY, {"n": 1}, ABSENT)])
    assert caught.value.item == {"pk": "p", "b": b"\xff"}
    assert len({body for _, _, body in server.requests}) == 1


# TLS --------------------------------------------------------------------------------------------


@pytest.fixture
def secure(monkeypatch, tmp_path):
    def start(name, *, trusted):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        path = tmp_path / f"{name}.pem"
        self_signed(path, name, "127.0.0.2")
        context.load_cert_chain(path)
        if trusted:
            monkeypatch.setenv("AWS_CA_BUNDLE", str(path))
        started = Server(context)
        servers.append(started)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://localhost:{started.port}")
        lean_client.tls_context.cache_clear()
        return started

    servers = []
    yield start
    lean_client.tls_context.cache_clear()
    for started in servers:
        started.close()


def test_secure_connection_is_kept_and_opened_again(secure, pauses):
    server = secure("localhost", trusted=True)
    server.play(response(), (response(), CLOSED_AFTER), response())
    client = LeanClient(sleep=pauses.append)
    client.connect()
    for _ in range(3):
        get_item(client)
        time.sleep(0.1)
    assert server.connections == 2
    assert pauses == []


@pytest.mark.parametrize(("name", "trusted"), [("localhost", False), ("other.test", True)])
def test_server_without_a_trusted_certificate_gets_no_request(secure, pauses, name, trusted):
    server = secure(name, trusted=trusted)
    client = LeanClient(sleep=pauses.append)
    client.connect()
    with pytest.raises(TemporarilyUnavailable) as caught:
        get_item(client)
    assert caught.value.data["reason"] == "SSLCertVerificationError"
    assert server.requests == []


# Credentials ------------------------------------------------------------------------------------


def test_credentials_are_those_of_the_environment():
    source = CredentialsSource({**KEYS, "AWS_SESSION_TOKEN": "t"})
    assert source.get() == Credentials(*KEYS.values(), "t")
    assert CredentialsSource(KEYS).get() == Credentials(*KEYS.values(), "")


def container(server, **more):
    return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{server.port}/v1?a=1", **more}


def issued(number, lifetime=3600):
    end = datetime.fromtimestamp(NOW + lifetime, UTC).isoformat().replace("+00:00", "Z")
    return response(
        body={
            "AccessKeyId": f"id{number}",
            "SecretAccessKey": "s",
            "Token": "t",
            "Expiration": end,
        }
    )


def test_credentials_of_the_endpoint_are_renewed_before_they_expire(server):
    now = NOW
    source = CredentialsSource(
        container(server, AWS_CONTAINER_AUTHORIZATION_TOKEN="secret"), now=lambda: now
    )
    server.play(issued(1), issued(2, 7200))
    assert [source.get().access_key for _ in range(3)] == ["id1"] * 3
    now += 3600 - 15 * 60
    assert source.get().access_key == "id2"
    (line, headers, _), _ = server.requests
    assert line == ["GET", "/v1?a=1"]
    assert headers["authorization"] == "secret"


def test_authorization_token_may_be_in_a_file(server, tmp_path):
    (tmp_path / "token").write_text("from a file")
    path = str(tmp_path / "token")
    server.play(issued(1))
    CredentialsSource(container(server, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=path)).get()
    assert server.requests[0][1]["authorization"] == "from a file"


def test_failed_renewal_uses_the_credentials_until_they_expire(server):
    now = NOW
    source = CredentialsSource(container(server), now=lambda: now)
    server.play(issued(1), response(500), response(500))
    source.get()
    now += 3600 - 60
    assert source.get().access_key == "id1"
    assert source.get().access_key == "id1"
    assert len(server.requests) == 2
    now += 60
    with pytest.raises(TemporarilyUnavailable):
        source.get()


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        DEEP,
        {},
        {"Expiration": 1},
        {"Expiration": None},
        {"Token": None},
        {"Token": "t\r\nX-Other: y"},
        {"AccessKeyId": 7},
    ],
)
def test_broken_answer_of_the_endpoint_is_unavailable(server, body):
    valid = {"AccessKeyId": "a", "SecretAccessKey": "s", "Token": "t", "Expiration": "2999-01-01"}
    server.play(response(body={**valid, **body} if body and isinstance(body, dict) else body))
    with pytest.raises(TemporarilyUnavailable) as caught:
        CredentialsSource(container(server)).get()
    assert caught.value.data["reason"] == "credentials"


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"AWS_ACCESS_KEY_ID": "only"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "file:///etc/passwd"},
    ],
)
def test_missing_or_unsafe_credentials_are_unavailable(variables):
    with pytest.raises(TemporarilyUnavailable) as caught:
        CredentialsSource(variables).get()
    assert caught.value.data["reason"] == "credentials"

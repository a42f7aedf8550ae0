"""Functions that CloudFormation calls always report to it. Else a deploy waits for an hour."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import override

import pytest

from latchkey.events.custom_resource import custom_resource

pytestmark = pytest.mark.enable_socket

CREATED = {
    "RequestType": "Create",
    "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/latchkey/1",
    "RequestId": "one",
    "LogicalResourceId": "FirstKeys",
}


@pytest.fixture
def cloudformation():
    """The place that a response is sent to: the method and body of each request."""
    received: list[tuple[str, dict[str, object]]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((self.command, json.loads(body)))
            self.send_response(200)
            self.end_headers()

        @override
        def log_message(self, *arguments: object) -> None:
            del arguments

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/response", received
    server.shutdown()
    server.server_close()
    thread.join()


@custom_resource
def handler(event, context):
    if event.get("RequestType") == "Delete":
        raise PermissionError("not for the log of CloudFormation")
    return {"kid": "key-1"}


def test_result_is_reported_and_returned(cloudformation):
    url, received = cloudformation
    assert handler({**CREATED, "ResponseURL": url}) == {"kid": "key-1"}
    ((method, body),) = received
    assert method == "PUT"
    assert body == {
        "Status": "SUCCESS",
        "Reason": "",
        "PhysicalResourceId": "FirstKeys",
        "StackId": CREATED["StackId"],
        "RequestId": "one",
        "LogicalResourceId": "FirstKeys",
        "Data": {"kid": '"key-1"'},
    }


def test_failure_is_reported_by_its_kind_and_keeps_the_physical_id(cloudformation):
    url, received = cloudformation
    event = {**CREATED, "RequestType": "Delete", "ResponseURL": url, "PhysicalResourceId": "old"}
    assert handler(event) == {}
    ((_, body),) = received
    assert (body["Status"], body["Reason"]) == ("FAILED", "PermissionError")
    assert body["PhysicalResourceId"] == "old"
    assert "not for the log" not in json.dumps(body)


def test_other_callers_get_the_result_or_the_error(cloudformation):
    _, received = cloudformation
    assert handler({"task": "rotate"}) == {"kid": "key-1"}
    with pytest.raises(PermissionError):
        handler({"RequestType": "Delete"})
    assert received == []

"""A DynamoDB that is gone, or that hangs: we notice in time to answer 503 ourselves."""

from __future__ import annotations

import socket
import time

import botocore.session
import pytest

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.storage.boto_client import CLIENT_CONFIG, BotoClient

FUNCTION_TIMEOUT_SECONDS = 10


def client_of(port):
    client = botocore.session.get_session().create_client(
        "dynamodb",
        "eu-west-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=CLIENT_CONFIG,
    )
    return BotoClient(client)


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.enable_socket
@pytest.mark.parametrize("hangs", [True, False])
def test_it_is_noticed_before_the_function_times_out(listener, hangs):
    port = listener.getsockname()[1]
    if not hangs:
        listener.close()
    started = time.monotonic()
    with pytest.raises(TemporarilyUnavailable) as caught:
        client_of(port).call("DescribeTable", {"TableName": "any"})
    assert time.monotonic() - started < FUNCTION_TIMEOUT_SECONDS
    assert caught.value.retry_after_seconds > 0

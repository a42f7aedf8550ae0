"""If AWS fails or hangs, the service notices in time for a 503."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.ids import AvatarId
from latchkey.domain.limits import AWS_READ_SECONDS
from latchkey.security.audit_signatures import LocalSigner, new_audit_key
from latchkey.storage.audit_keys import AuditKeyStore
from latchkey.storage.audit_vault import S3AuditVault
from latchkey.storage.boto_client import BotoClient
from latchkey.storage.lean_client import LeanClient
from latchkey.storage.media import MediaBucket
from latchkey.storage.signing_keys import SigningKeyStore
from tests.support.service import ENVIRONMENT
from tools.template import ROOT

FUNCTION_TIMEOUT_SECONDS = 10


READS = {
    "dynamodb": lambda: BotoClient().call("DescribeTable", {"TableName": "any"}),
    "dynamodb, lean client": lambda: LeanClient().call("GetItem", {"TableName": "any"}),
    "signing keys": lambda: SigningKeyStore("/any", epoch=1).key_ring(),
    "audit key": lambda: AuditKeyStore("/any", make=new_audit_key, load=LocalSigner).sign(b"any"),
    "audit vault": lambda: S3AuditVault("any").last_archived(0, 1),
    "pictures": lambda: MediaBucket("any").read_avatar(AvatarId("any")),
}


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def far(listener, monkeypatch):
    """AWS is where nobody ever answers."""
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{listener.getsockname()[1]}",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }.items():
        monkeypatch.setenv(name, value)
    return listener


@pytest.mark.enable_socket
@pytest.mark.parametrize("hangs", [True, False])
@pytest.mark.parametrize("what", READS)
def test_outage_is_detected_before_the_function_times_out(far, what, hangs):
    if not hangs:
        far.close()
    # A busy processor makes one of them slow, and not all.
    assert any(seconds_until_unavailable(what) < FUNCTION_TIMEOUT_SECONDS for _ in range(3))


def seconds_until_unavailable(what):
    started = time.monotonic()
    with pytest.raises(TemporarilyUnavailable) as caught:
        READS[what]()
    assert caught.value.retry_after_seconds > 0
    return time.monotonic() - started


INITIALIZE = """
import importlib, sys, time
started = time.monotonic()
importlib.import_module(f"functions.{sys.argv[1]}.app")
print(time.monotonic() - started)
"""


@pytest.mark.enable_socket
@pytest.mark.parametrize("hangs", [True, False])
@pytest.mark.parametrize("operation", ["authorizer", "refresh"])
def test_initialization_survives_an_outage(far, operation, hangs):
    """Hot functions read their keys ahead. Lambda ends an initialization after ten seconds."""
    if not hangs:
        far.close()
    variables = {"AWS_LAMBDA_FUNCTION_NAME": operation, "OPERATION": operation}
    finished = subprocess.run(  # noqa: S603 - our own interpreter, our own words
        [sys.executable, "-c", INITIALIZE, operation],
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT, **variables, "PYTHONPATH": "layers/shared"},
        check=True,
        capture_output=True,
        text=True,
    )
    seconds = float(finished.stdout)
    assert seconds < FUNCTION_TIMEOUT_SECONDS
    assert not hangs or seconds > AWS_READ_SECONDS  # it has tried

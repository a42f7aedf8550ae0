"""If AWS fails or hangs, the service notices in time for a 503."""

from __future__ import annotations

import socket
import time

import pytest

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.ids import AvatarId
from latchkey.security.audit_signatures import LocalSigner, new_audit_key
from latchkey.storage.audit_keys import AuditKeyStore
from latchkey.storage.audit_vault import S3AuditVault
from latchkey.storage.boto_client import BotoClient
from latchkey.storage.media import MediaBucket
from latchkey.storage.signing_keys import SigningKeyStore

FUNCTION_TIMEOUT_SECONDS = 10


READS = {
    "dynamodb": lambda: BotoClient().call("DescribeTable", {"TableName": "any"}),
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

"""Services are made on first use, from the environment."""

from __future__ import annotations

import pytest

from latchkey import wiring
from latchkey.storage.audit_keys import AuditKeyStore, KmsAuditKey
from latchkey.storage.audit_vault import S3AuditVault
from latchkey.wiring.audit import audit_key, audit_vault
from latchkey.wiring.sessions import sessions
from tests.support.service import ENVIRONMENT

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234"


@pytest.fixture
def environment(monkeypatch):
    """A function's environment, and no services yet."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    wiring.use(None)
    yield monkeypatch
    wiring.use(None)


def test_services_are_made_once(environment):
    services = wiring.services()
    assert services.config.issuer == ENVIRONMENT["ISSUER"]
    assert wiring.services() is services
    assert services[sessions] is services[sessions]
    assert repr(sessions) == "<part sessions>"


@pytest.mark.parametrize(("arn", "kind"), [("", AuditKeyStore), (KEY, KmsAuditKey)])
def test_audit_key_is_in_kms_if_the_deployment_names_one(environment, arn, kind):
    environment.setenv("AUDIT_KMS_KEY", arn)
    assert type(wiring.services()[audit_key]) is kind


def test_audit_vault_is_the_bucket_of_the_deployment(environment):
    vault = wiring.services()[audit_vault]
    assert isinstance(vault, S3AuditVault)
    assert vault._bucket == ENVIRONMENT["AUDIT_BUCKET"]

"""Services are made on first use, from the environment."""

from __future__ import annotations

import pytest

from latchkey import wiring
from latchkey.storage import lean_client, peppers
from latchkey.storage.audit_keys import AuditKeyStore, KmsAuditKey
from latchkey.storage.audit_vault import S3AuditVault
from latchkey.wiring.audit import audit_key, audit_vault
from latchkey.wiring.sessions import sessions
from latchkey.wiring.storage import table
from latchkey.wiring.tokens import link_peppers, refresh_peppers
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


class Prepared:
    """Notes what a part does when it is made."""

    def __init__(self, *_arguments) -> None:
        self.calls: list[str] = []

    def connect(self):
        self.calls.append("connect")

    def preload(self):
        self.calls.append("preload")


@pytest.mark.parametrize("in_lambda", [True, False])
def test_hot_function_connects_and_reads_its_peppers_while_lambda_initializes_it(
    environment, in_lambda
):
    environment.setenv("OPERATION", "refresh")
    environment.setattr(lean_client, "LeanClient", Prepared)
    environment.setattr(peppers, "PepperStore", Prepared)
    if in_lambda:
        environment.setenv("AWS_LAMBDA_FUNCTION_NAME", "refresh")
    else:
        environment.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    services = wiring.services()
    assert services[table]._client.calls == (["connect"] if in_lambda else [])
    assert services[refresh_peppers].calls == (["preload"] if in_lambda else [])
    assert services[link_peppers].calls == []

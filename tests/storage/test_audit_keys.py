"""The audit key in Parameter Store and in KMS: both sign what an auditor can verify."""

from __future__ import annotations

import json

import pytest
from moto import mock_aws

from latchkey.domain.audit_chain import START, Block
from latchkey.flows.audit_chain import block_line
from latchkey.security.audit_signatures import (
    LocalSigner,
    jwk_of_der,
    new_audit_key,
    raw_signature,
)
from latchkey.storage.audit_keys import AuditKeyStore, KmsAuditKey
from latchkey.storage.boto_client import aws_client
from tools.audit.verify import verify

PREFIX = "/latchkey/audit-keys"


@pytest.fixture
def ssm(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        yield aws_client("ssm")


def in_parameter_store():
    return AuditKeyStore(PREFIX, make=new_audit_key, load=LocalSigner)


def in_kms():
    kms = aws_client("kms")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    return KmsAuditKey(key, PREFIX, to_raw=raw_signature, to_jwk=jwk_of_der)


def published(ssm):
    return json.loads(ssm.get_parameter(Name=f"{PREFIX}/audit-public-keys")["Parameter"]["Value"])


def findings(signature, ssm):
    block = Block(chain=0, number=1, first=1, previous=START, at=1, entries=(), signature=signature)
    report = verify([json.loads(block_line(block))], [], published(ssm))
    return [finding.kind for finding in report.findings]


@pytest.mark.parametrize("make", [in_parameter_store, in_kms])
def test_what_the_key_signs_verifies_with_what_it_published(ssm, make):
    key = make()
    key.ensure()
    statement = Block(chain=0, number=1, first=1, previous=START, at=1, entries=()).statement()
    assert findings(key.sign(statement), ssm) == []
    assert findings(key.sign(statement + b" "), ssm) == ["forged"]


def test_the_key_is_made_once(ssm):
    in_parameter_store().ensure()
    first = published(ssm)
    in_parameter_store().ensure()
    assert published(ssm) == first


def test_keys_of_the_past_stay_published(ssm):
    in_parameter_store().ensure()
    in_kms().ensure()
    assert len(published(ssm)["keys"]) == 2

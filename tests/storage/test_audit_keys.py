"""The audit key in Parameter Store and in KMS: an auditor can verify both."""

from __future__ import annotations

import dataclasses
import json

import pytest
from moto import mock_aws

from latchkey.domain.audit_chain import START, Block
from latchkey.domain.ids import new_id
from latchkey.security.audit_signatures import (
    LocalSigner,
    is_signed_by,
    jwk_of_der,
    new_audit_key,
    raw_signature,
)
from latchkey.storage.audit_keys import AuditKeyStore, KmsAuditKey, PublicKeys
from latchkey.storage.boto_client import aws_client
from tests.support.audit import verified
from tests.support.builders import NOW
from tests.support.grants import role_statements
from tests.support.iam import as_list
from tools.template import load


@pytest.fixture
def prefix(monkeypatch):
    """A deployment of its own: a mock of the whole run may be around this one, and it keeps."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        yield f"/{new_id('deployment', NOW)}/audit-keys"


def in_parameter_store(prefix):
    return AuditKeyStore(prefix, make=new_audit_key, load=LocalSigner)


def in_kms(prefix):
    kms = aws_client("kms")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    return KmsAuditKey(key, prefix, to_raw=raw_signature, to_jwk=jwk_of_der)


def published(prefix):
    answer = aws_client("ssm").get_parameter(Name=f"{prefix}/audit-public-keys")
    return json.loads(answer["Parameter"]["Value"])


def findings(signature, prefix):
    block = Block(chain=0, number=1, first=1, previous=START, at=1, entries=(), signature=signature)
    report = verified([json.loads(block.line())], [], published(prefix))
    return [finding.kind for finding in report.findings]


@pytest.mark.parametrize("make", [in_parameter_store, in_kms])
def test_signature_verifies_with_the_published_key(prefix, make):
    key = make(prefix)
    key.ensure()
    statement = Block(chain=0, number=1, first=1, previous=START, at=1, entries=()).statement()
    assert findings(key.sign(statement), prefix) == []
    assert findings(key.sign(statement + b" "), prefix) == ["forged"]


def test_template_grants_exactly_the_kms_actions(prefix):
    key = in_kms(prefix)
    requested = set()
    key._kms.meta.events.register(
        "before-call.kms", lambda *, model, **_: requested.add(f"kms:{model.name}")
    )
    key.ensure()
    key.sign(b"anything")
    granted = {
        action
        for statement in role_statements("AnchorAuditFunction", AuditKmsKey="arn:aws:kms:::key/1")
        for action in as_list(statement["Action"])
        if statement["Resource"] == "arn:aws:kms:::key/1"
    }
    assert granted == requested
    # Another key is published by this: CloudFormation calls again only when a property differs.
    published_by = load()["Resources"]["AuditKey"]["Properties"]
    assert published_by["AuditKmsKey"] == {"Ref": "AuditKmsKey"}


def test_key_is_created_once(prefix):
    in_parameter_store(prefix).ensure()
    first = published(prefix)
    in_parameter_store(prefix).ensure()
    assert published(prefix) == first


def test_old_keys_stay_published(prefix):
    in_parameter_store(prefix).ensure()
    in_kms(prefix).ensure()
    assert len(published(prefix)["keys"]) == 2


@pytest.mark.parametrize("make", [in_parameter_store, in_kms])
def test_published_keys_verify_signatures_of_every_key(prefix, make):
    first, second = in_parameter_store(prefix), make(prefix)
    first.ensure()
    published_keys = PublicKeys(prefix, check=is_signed_by)
    old = first.sign(b"block")
    assert published_keys.verifies(old, b"block")
    assert not published_keys.verifies(old, b"blocks")
    assert not published_keys.verifies(dataclasses.replace(old, value=old.value[:-1]), b"block")
    assert not published_keys.verifies(dataclasses.replace(old, kid="audit-none"), b"block")
    second.ensure()  # a key that is published later is read then
    assert published_keys.verifies(second.sign(b"block"), b"block")
    assert published_keys.verifies(old, b"block")

"""Buckets take TLS only, the audit bucket can always be locked, and email keeps to SES's rules."""

from __future__ import annotations

from functools import cache

import pytest

from tools import deployable
from tools.deployable import deployments, of_type

stacks = cache(deployable.stacks)


def statements(resources, bucket):
    for policy in of_type(resources, "AWS::S3::BucketPolicy").values():
        if policy["Bucket"] == bucket:
            yield from policy["PolicyDocument"]["Statement"]


@pytest.mark.parametrize("stack", [name for name in deployments() if not name.startswith("local")])
def test_no_bucket_takes_plain_http(stack):
    resources = stacks()[stack]
    buckets = [
        f"{deployable.STACK_NAME}-{name}".lower() for name in of_type(resources, "AWS::S3::Bucket")
    ]
    assert buckets
    for bucket in buckets:
        (refusal,) = [
            each
            for each in statements(resources, bucket)
            if str(each.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")).lower()
            == "false"
        ]
        assert (refusal["Effect"], refusal["Action"]) == ("Deny", "s3:*")
        assert refusal["Principal"] in ("*", {"AWS": "*"})


@pytest.mark.parametrize("stack", deployments())
def test_the_audit_bucket_has_object_lock_from_the_first_day(stack):
    """Switching it on later would replace the bucket, and its evidence would stay behind."""
    bucket = stacks()[stack]["AuditBucket"]["Properties"]
    assert bucket["ObjectLockEnabled"] is True
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    rule = bucket.get("ObjectLockConfiguration", {}).get("Rule")
    assert (rule is not None) == stack.startswith("hipaa")


@pytest.mark.parametrize("stack", deployments())
def test_email_may_go_to_any_recipient_from_one_sender(stack):
    """In the sandbox SES authorizes the recipient's identity too."""
    (policy,) = stacks()[stack]["SendMailFunctionRole"]["Properties"]["Policies"]
    (send,) = [
        each for each in policy["PolicyDocument"]["Statement"] if "ses:SendEmail" in each["Action"]
    ]
    resources = send["Resource"] if isinstance(send["Resource"], list) else [send["Resource"]]
    assert any(each.endswith(":identity/*") for each in resources)
    assert list(send["Condition"].values()) == [{"ses:FromAddress": "accounts@example.com"}]


@pytest.mark.parametrize("stack", [name for name in deployments() if not name.startswith("local")])
def test_few_functions_send_email_at_once(stack):
    resources = stacks()[stack]
    (mapping,) = [
        each
        for each in of_type(resources, "AWS::Lambda::EventSourceMapping").values()
        if each["FunctionName"].endswith("SendMailFunction")
    ]
    assert 2 <= int(mapping["ScalingConfig"]["MaximumConcurrency"]) <= 5
    assert mapping["BatchSize"] <= 5

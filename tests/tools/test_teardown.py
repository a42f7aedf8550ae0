"""Tear-down lists what remains, deletes it when confirmed, and nothing of another stack."""

from __future__ import annotations

from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tools.recovery.teardown import Teardown, run

OURS = {
    "latchkey-Table-1A2B",
    "latchkey-auditbucket-1a2b",
    "latchkey-pagebucket-1a2b",
    "/latchkey/latchkey/signing-keys",
}


class CloudFormation:
    """One stack: as CloudFormation does, it keeps what is retained and deletes the rest."""

    meta = SimpleNamespace(region_name="us-east-1")

    def __init__(self) -> None:
        self.there = True

    def describe_stacks(self, StackName):  # noqa: N803 - AWS's names
        if not self.there:
            message = f"Stack with id {StackName} does not exist"
            error = {"Error": {"Code": "ValidationError", "Message": message}}
            raise ClientError(error, "DescribeStacks")
        return {"Stacks": [{"StackStatus": "CREATE_COMPLETE"}]}

    def get_paginator(self, _operation):
        kinds = {"Table": "AWS::DynamoDB::Table", "bucket": "AWS::S3::Bucket"}
        summaries = [
            {"ResourceType": kind, "PhysicalResourceId": name}
            for word, kind in kinds.items()
            for name in sorted(OURS)
            if word in name
        ]
        summaries.append({"ResourceType": "AWS::SQS::Queue", "PhysicalResourceId": "q"})
        pages = [{"StackResourceSummaries": summaries}]
        return SimpleNamespace(paginate=lambda **_: pages)

    def delete_stack(self, StackName):  # noqa: N803 - AWS's names
        boto3.client("s3").delete_bucket(Bucket=f"{StackName}-pagebucket-1a2b")
        self.there = False

    def get_waiter(self, _name):
        return SimpleNamespace(wait=lambda **_: None)


@pytest.fixture(autouse=True)
def aws(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    with mock_aws():
        s3, ssm = boto3.client("s3"), boto3.client("ssm")
        for stack, mark in (("latchkey", "1A2B"), ("latchkey-dev", "9")):
            boto3.client("dynamodb").create_table(
                TableName=f"{stack}-Table-{mark}",
                BillingMode="PAY_PER_REQUEST",
                DeletionProtectionEnabled=True,
                AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            )
            name = f"/latchkey/{stack}/signing-keys"
            ssm.put_parameter(Name=name, Value="x", Type="SecureString")
            bucket = f"{stack}-auditbucket-{mark.lower()}"
            s3.create_bucket(Bucket=bucket)
            versioning = {"Status": "Enabled"}
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioning)
            for _ in range(2):
                s3.put_object(Bucket=bucket, Key="anchors/1", Body=b"1")
            s3.delete_object(Bucket=bucket, Key="anchors/1")
        s3.create_bucket(Bucket="latchkey-pagebucket-1a2b")
        s3.put_object(Bucket="latchkey-pagebucket-1a2b", Key="index.html", Body=b"1")
        yield


@pytest.fixture
def teardown():
    cloudformation = CloudFormation()

    def make_client(service, **options):
        if service == "cloudformation":
            return cloudformation
        return boto3.client(service, **options)

    return Teardown("latchkey", make_client)


def everything():
    tables = boto3.client("dynamodb").list_tables()["TableNames"]
    buckets = [each["Name"] for each in boto3.client("s3").list_buckets()["Buckets"]]
    names = [p["Name"] for p in boto3.client("ssm").describe_parameters()["Parameters"]]
    return {*tables, *buckets, *names}


THEIRS = {
    "latchkey-dev-Table-9",
    "latchkey-dev-auditbucket-9",
    "/latchkey/latchkey-dev/signing-keys",
}


@pytest.mark.parametrize("confirmed", ["", "latchkey-dev", "yes"])
def test_teardown_without_confirmation_removes_nothing(teardown, confirmed):
    output = []
    assert run(teardown, "latchkey", confirmed, say=output.append) == 0
    text = "\n".join(output)
    assert [name for name in OURS if name not in text] == []
    assert "latchkey-dev" not in text
    assert everything() == OURS | THEIRS


def test_teardown_removes_everything_of_its_stack_only(teardown):
    output = []
    assert run(teardown, "latchkey", "latchkey", say=output.append) == 0
    assert everything() == THEIRS
    assert run(teardown, "latchkey", "", say=output.append) == 0
    assert output[-1] == "Nothing is left of latchkey."


def test_remains_of_a_deleted_stack_are_found(teardown):
    boto3.client("s3").delete_object(Bucket="latchkey-pagebucket-1a2b", Key="index.html")
    teardown._cloudformation.delete_stack("latchkey")
    found = teardown.retained()
    assert found.tables == ["latchkey-Table-1A2B"]
    assert found.buckets == ["latchkey-auditbucket-1a2b"]
    assert run(teardown, "latchkey", "latchkey", say=str) == 0
    assert everything() == THEIRS


def test_locked_objects_are_listed(teardown, monkeypatch):
    def locked(_bucket):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "locked"}}, "DeleteObjects")

    monkeypatch.setattr(teardown, "_remove_bucket", locked)
    output = []
    assert run(teardown, "latchkey", "latchkey", say=output.append) == 1
    assert "LEFT: bucket latchkey-auditbucket-1a2b: locked" in output

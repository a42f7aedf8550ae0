"""Table settings that the emulator's CloudFormation ignores are enabled."""

from __future__ import annotations

from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws

from tools.local.tables import complete_tables
from tools.template import load

TABLES = {"Table": "main", "AuditTable": "audit"}


@pytest.fixture
def dynamodb():
    with mock_aws():
        client = boto3.client(
            "dynamodb", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        for name in TABLES.values():
            client.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        yield client


def test_every_table_gets_the_ttl_and_the_recovery_of_the_template(dynamodb):
    template = load()
    tables = {n for n, r in template["Resources"].items() if r["Type"] == "AWS::DynamoDB::Table"}
    assert tables == TABLES.keys()
    complete_tables(
        SimpleNamespace(client=lambda _: dynamodb),
        SimpleNamespace(template=template, physical_ids=TABLES),
    )
    for name in TABLES.values():
        ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "ttl")
        backups = dynamodb.describe_continuous_backups(TableName=name)
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"

"""The audit trail on the deployed stack: log subscription, stream, anchors, and an auditor."""

from __future__ import annotations

import json
import time

import httpx
import pytest

from latchkey.storage.dynamodb import DynamoDBTable, to_wire
from tools.audit.export import fetch
from tools.audit.verify import read_anchors, read_lines, verify

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
PASSWORD = "quiet river under seven bridges"
SECONDS = 90


class EmulatorClient:
    """`dynamodb.Client` on the stack's own client."""

    def __init__(self, client) -> None:
        self._client = client

    def call(self, operation, request):
        name = {"Query": "query", "BatchGetItem": "batch_get_item"}[operation]
        return getattr(self._client, name)(**request)


def mixed_requests(stack, rounds):
    """Send requests, valid and not; return the ids under which they were answered."""
    with httpx.Client(base_url=stack.base_url, timeout=30) as client:
        email = f"audit-{time.time_ns()}@example.com"
        body = {"email": email, "password": PASSWORD}
        registered = client.post("/api/v1/auth/register", json=body)
        token = registered.json()["data"]["access_token"]
        mine = {"authorization": f"Bearer {token}"}
        answers = [registered]
        for number in range(rounds):
            answers += [
                client.get("/api/v1/users/me", headers=mine),
                client.get("/api/v1/users/me/sessions", headers=mine),
                client.get("/api/v1/users/me", headers={"authorization": f"Bearer x{number}"}),
                client.post("/api/v1/auth/login", content=b"{not json"),
                client.get("/api/v1/users/me/activity", headers=mine, params={"limit": "0"}),
            ]
        answers.append(client.post("/api/v1/auth/login", json={**body, "password": "wrong" * 4}))
    return {answer.headers["x-request-id"] for answer in answers}


def recorded(stack):
    """The ids of the requests that have become rows."""
    pages = (
        stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.audit_table_name)
    )
    items = [item for page in pages for item in page["Items"]]
    return {item["request_id"]["S"] for item in items if "operation" in item}, items


def copy(stack, directory):
    table = DynamoDBTable(
        EmulatorClient(stack.client("dynamodb")), {"main": "", "audit": stack.audit_table_name}
    )
    bucket = stack.deployment.outputs["AuditBucketName"]
    fetch(directory, table=table, bucket=bucket, s3=stack.client("s3"))
    (name,) = (
        parameter["Name"]
        for page in stack.client("ssm").get_paginator("describe_parameters").paginate()
        for parameter in page["Parameters"]
        if parameter["Name"].endswith("/audit-public-keys")
    )
    jwks = json.loads(stack.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
    return verify(read_lines(directory), read_anchors(directory), jwks)


def test_every_request_is_a_row_and_every_row_is_chained(stack, tmp_path):
    sent = mixed_requests(stack, 20)
    deadline = time.monotonic() + SECONDS
    missing, report = sent, None
    while time.monotonic() < deadline and missing:
        time.sleep(1)
        missing = sent - recorded(stack)[0]
    assert missing == set()

    rows = -1
    while time.monotonic() < deadline and rows != (report.rows if report else 0):
        time.sleep(2)
        rows = sum("action" in item for item in recorded(stack)[1])
        stack.invoke("anchor_audit", {})
        report = copy(stack, tmp_path)
    assert report.findings == []
    assert report.rows == rows
    assert report.anchors

    reads = [row for row in recorded(stack)[1] if row.get("operation") == {"S": "get_me"}]
    edited = reads[0]
    stack.client("dynamodb").update_item(
        TableName=stack.audit_table_name,
        Key={"pk": edited["pk"], "sk": edited["sk"]},
        UpdateExpression="SET outcome = :forged",
        ExpressionAttributeValues={":forged": to_wire("FORGED")},
    )
    (finding,) = copy(stack, tmp_path).findings
    assert (finding.kind, finding.where.split()[0]) == ("changed", edited["sk"]["S"])

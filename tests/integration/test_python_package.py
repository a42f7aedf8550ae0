"""`clients/python` against the stack: client, verifiers with real roles, and every framework."""

from __future__ import annotations

import json
import secrets
from typing import override

import boto3
import httpx2
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from latchkey_client import Client
from latchkey_client.generated.errors import SessionRevoked
from latchkey_client.introspection import IntrospectionVerifier
from latchkey_client.keys import Keys
from latchkey_client.table import _ATTRIBUTES, TableVerifier
from tests.support.api import PASSWORD, a_fresh_address
from tests.support.python_frameworks import FRAMEWORKS, Examples
from tools.template import ROOT

pytestmark = pytest.mark.timeout(600)


class Local(httpx2.HTTPTransport):
    """Sends to the emulator what goes to the name of an API."""

    def __init__(self, port) -> None:
        super().__init__()
        self._port = port

    @override
    def handle_request(self, request):
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return super().handle_request(request)


def assumed(stack, statement):
    """Return the credentials of a new role with one statement."""
    iam, name = stack.client("iam"), f"backend-{secrets.token_hex(4)}"
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(statement))
    found = stack.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="backend")
    return found["Credentials"]


def policy(statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def table_statement(stack):
    """Return the statement of the README, for this table."""
    text = (ROOT / "clients/python/README.md").read_text()
    statement = json.loads(text.split("```json")[1].split("```")[0])
    arn = stack.client("dynamodb").describe_table(TableName=stack.table_name)["Table"]["TableArn"]
    return statement | {"Resource": arn}


@pytest.fixture(scope="module")
def table_reader(stack):
    given = assumed(stack, table_statement(stack))
    return boto3.client(
        "dynamodb",
        endpoint_url=stack.emulator_url,
        region_name="eu-west-1",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


@pytest.fixture(scope="module")
def by_table(stack, table_reader):
    keys = Keys(f"{stack.base_url}/.well-known/jwks.json")
    return TableVerifier(stack.table_name, issuer=stack.base_url, dynamodb=table_reader, keys=keys)


@pytest.fixture(scope="module")
def by_introspection(stack):
    api = stack.deployment.outputs["ApiId"]
    resource = f"arn:aws:execute-api:*:*:{api}/*/POST/api/v1/auth/introspect"
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}
    given = assumed(stack, statement)
    made = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    return IntrospectionVerifier(
        f"{stack.api_url}/api/v1/auth/introspect",
        region="eu-west-1",
        credentials=lambda: made,
        timeout=120,  # for cold functions that share two cores
        transport=Local(stack.emulator.port),
    )


@pytest.fixture(scope="module")
def ada(stack):
    with Client(stack.base_url, timeout=120) as client:
        client.register(email=a_fresh_address(), password=PASSWORD)
        yield client


@pytest.fixture
def phone(stack, ada):
    """A second device."""
    with Client(stack.base_url, timeout=120) as client:
        client.session_id = client.login(email=ada.get_me().email, password=PASSWORD).session.id
        yield client


def test_the_client_sees_the_reason_of_its_revocation(ada, phone):
    assert phone.list_sessions().sessions
    ada.revoke_session(phone.session_id)
    with pytest.raises(SessionRevoked):
        phone.list_sessions()


def test_the_role_of_the_readme_reads_no_secret(stack, ada, table_reader, by_table):
    caller = by_table.verify(f"Bearer {ada.tokens.access_token}")
    key = {
        "pk": {"S": f"ACCOUNT#{caller.account_id}"},
        "sk": {"S": f"SESSION#{caller.session_id}"},
    }
    request = {"TableName": stack.table_name, "Key": key}
    for more in ({}, {"ProjectionExpression": "secret"}):
        with pytest.raises(ClientError, match="AccessDenied"):
            table_reader.get_item(**request, **more)
    assert "secret" not in _ATTRIBUTES


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "pair", [*(("by_table", each) for each in FRAMEWORKS), ("by_introspection", "fastapi")]
)
def test_every_framework_refuses_on_the_request_after_a_revocation(
    request, ada, phone, monkeypatch, pair
):
    kind, framework = pair
    call = FRAMEWORKS[framework](Examples(monkeypatch, request.getfixturevalue(kind)))
    header = f"Bearer {phone.tokens.access_token}"
    assert call(header)[0] == 200
    ada.revoke_session(phone.session_id)
    status, error, headers = call(header)
    assert (status, error["code"] in {"SESSION_REVOKED", "TOKEN_INACTIVE"}) == (401, True)
    assert headers["www-authenticate"].startswith("Bearer")

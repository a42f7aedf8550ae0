"""The template's tables in moto, and a client that records its requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

import boto3
import pytest
from moto import mock_aws

from latchkey.security.sealing import seal
from latchkey.storage import lean_client
from latchkey.storage.accounts import AccountStore
from latchkey.storage.boto_client import BotoClient
from latchkey.storage.dynamodb import DynamoDBTable
from latchkey.storage.effects import EffectWriter
from latchkey.storage.lean_client import LeanClient
from latchkey.storage.sessions import SessionStore
from tests.support.builders import a_session, an_account, some_effects
from tests.support.moto_server import REGION, MotoServer, serving
from tools.template import load

if TYPE_CHECKING:
    from latchkey.storage.aws import Wire
    from latchkey.storage.table import TableName

TABLES: dict[TableName, str] = {"main": "Table", "audit": "AuditTable"}


class RecordingClient(BotoClient):
    """Keeps the name of each operation that it sends."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.operations: list[str] = []

    @override
    def call(self, operation: str, request: Wire) -> Wire:
        self.operations.append(operation)
        return super().call(operation, request)


# For a module and no longer: moto forgets everything at the end of the outermost mock, and others
# have mocks of their own.
@pytest.fixture(scope="module")
def moto_client():
    with mock_aws():
        client = boto3.client(
            "dynamodb", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        for name, resource in TABLES.items():
            properties = load()["Resources"][resource]["Properties"]
            names = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
            options = {name: properties[name] for name in names if name in properties}
            client.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **options)
        yield client


@pytest.fixture
def client(moto_client):
    return RecordingClient(moto_client)


@pytest.fixture
def moto_table(client):
    return DynamoDBTable(client, {name: name for name in TABLES})


@pytest.fixture
def accounts(table):
    """The accounts of a module's own `table`."""
    return AccountStore(table, EffectWriter(seal))


@pytest.fixture
def sessions(table):
    return SessionStore(table, EffectWriter(seal))


@pytest.fixture
def account(accounts):
    account = an_account()
    accounts.put_new(account, some_effects(account))
    return account


@pytest.fixture
def start(accounts, sessions):
    """Start a session of an account."""

    def start(account, **fields):
        session = a_session(account, **fields)
        version = accounts.get(account.id).session_version
        effects = some_effects(account)
        assert sessions.start(session, session_version=version, ending=(), effects=effects)
        return session

    return start


@pytest.fixture
def lean_table(moto_client, monkeypatch):
    """The tables in moto, through the lean client."""
    del moto_client
    # On a busy machine moto needs longer for a large transaction.
    monkeypatch.setattr(lean_client, "AWS_READ_SECONDS", 60)
    with serving(MotoServer) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("AWS_REGION", REGION)
        lean = LeanClient()
        yield DynamoDBTable(lean, {name: name for name in TABLES})
        lean.close()

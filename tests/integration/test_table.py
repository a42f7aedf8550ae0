"""The Table port on the emulator, as the deployed functions have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

import pytest

from latchkey.observability import units
from latchkey.storage.boto_client import BotoClient
from latchkey.storage.dynamodb import DynamoDBTable
from latchkey.storage.lean_client import LeanClient
from latchkey.storage.table import EXISTS, Change, Delete, Key, Put, Query, Update
from tests.support.table_contract import RacingTableContract, TableContract
from tools.local.emulator import CREDENTIALS

if TYPE_CHECKING:
    from latchkey.storage.aws import Wire
    from latchkey.storage.table import TableName


class ListeningClient(BotoClient):
    """Adds up the units that the responses report."""

    reported = 0.0

    @override
    def call(self, operation: str, request: Wire) -> Wire:
        answer = super().call(operation, request)
        capacity = answer.get("ConsumedCapacity") or []
        self.reported += sum(
            part["CapacityUnits"]
            for part in (capacity if isinstance(capacity, list) else [capacity])
        )
        return answer


class TestEmulator(TableContract, RacingTableContract):
    @pytest.fixture
    def table(self, stack):
        names: dict[TableName, str] = {
            "main": stack.table_name,
            "audit": stack.audit_table_name,
        }
        return DynamoDBTable(BotoClient(stack.client("dynamodb")), names)

    def test_units_are_those_that_the_responses_report(self, stack):
        client = ListeningClient(stack.client("dynamodb"))
        table = DynamoDBTable(client, {"main": stack.table_name})
        first, second = Key("UNITS", "A"), Key("UNITS", "B")
        units.reset()
        table.put(Put(first, {"text": "x" * 3000}))
        table.transact([Put(second, {"n": 1}), Update(first, Change(assign={"n": 2}), EXISTS)])
        table.get(first)
        table.query(Query(partition="UNITS"))
        table.delete(Delete(first))
        table.delete_many([second])
        assert units.read > 0
        assert units.write > 0
        assert units.read + units.write == client.reported


class TestLeanClient(TableContract, RacingTableContract):
    @pytest.fixture
    def table(self, stack, monkeypatch):
        monkeypatch.setenv("AWS_ENDPOINT_URL", stack.client("dynamodb").meta.endpoint_url)
        monkeypatch.setenv("AWS_REGION", stack.client("dynamodb").meta.region_name)
        for name, value in CREDENTIALS.items():
            monkeypatch.setenv(name, value)
        client = LeanClient()
        yield DynamoDBTable(client, {"main": stack.table_name, "audit": stack.audit_table_name})
        client.close()

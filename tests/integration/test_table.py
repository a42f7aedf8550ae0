"""The Table port on the emulator, as the deployed functions have it."""

from __future__ import annotations

import pytest

from latchkey.storage.boto_client import BotoClient
from latchkey.storage.dynamodb import DynamoDBTable
from tests.support.table_contract import RacingTableContract, TableContract


class TestEmulator(TableContract, RacingTableContract):
    @pytest.fixture(scope="class")
    def table(self, stack):
        names = {"main": stack.table_name, "audit": stack.audit_table_name}
        return DynamoDBTable(BotoClient(stack.client("dynamodb")), names)

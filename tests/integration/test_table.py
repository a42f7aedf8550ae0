"""The Table port on the emulator, as the deployed functions have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from latchkey.storage.boto_client import BotoClient
from latchkey.storage.dynamodb import DynamoDBTable
from tests.support.table_contract import RacingTableContract, TableContract

if TYPE_CHECKING:
    from latchkey.storage.table import TableName


class TestEmulator(TableContract, RacingTableContract):
    @pytest.fixture
    def table(self, stack):
        names: dict[TableName, str] = {
            "main": stack.table_name,
            "audit": stack.audit_table_name,
        }
        return DynamoDBTable(BotoClient(stack.client("dynamodb")), names)

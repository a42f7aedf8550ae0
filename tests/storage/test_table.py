"""The Table port on memory and on moto; the emulator's turn is in tests/integration."""

from __future__ import annotations

import pytest

from latchkey.storage.memory import MemoryTable
from tests.support.table_contract import RacingTableContract, TableContract


class TestMemory(TableContract, RacingTableContract):
    @pytest.fixture
    def table(self):
        return MemoryTable()


class TestMoto(TableContract):
    @pytest.fixture
    def table(self, moto_table):
        return moto_table


@pytest.mark.enable_socket
class TestLeanClient(TableContract):
    @pytest.fixture
    def table(self, lean_table):
        return lean_table

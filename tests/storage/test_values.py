"""What the table does not store, and does not do, is a programming error at once."""

from __future__ import annotations

import pytest

from latchkey.storage.dynamodb import from_wire, to_wire
from latchkey.storage.memory import MemoryTable
from latchkey.storage.table import Delete, Key


@pytest.mark.parametrize("value", [1.5, {1, 2}, object()])
def test_value_of_another_type_is_not_encoded(value):
    with pytest.raises(TypeError, match=type(value).__name__):
        to_wire(value)


def test_unknown_type_of_dynamodb_is_not_decoded():
    with pytest.raises(TypeError, match="X"):
        from_wire({"X": "1"})


@pytest.mark.parametrize(
    "keys",
    [
        [Key("a", str(number)) for number in range(101)],
        [Key("a", "1"), Key("a", "1")],
    ],
    ids=["101", "twice the same"],
)
def test_memory_refuses_the_transactions_that_dynamodb_refuses(keys):
    with pytest.raises(ValueError, match="up to 100 writes, each of another item"):
        MemoryTable().transact([Delete(key) for key in keys])

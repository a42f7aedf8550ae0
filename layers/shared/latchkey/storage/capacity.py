"""DynamoDB's billing rules: the size of an item, and the capacity units of reads and writes.

The service logs what DynamoDB reports. These rules are for `MemoryTable` and the benchmarks: no
emulator reports units correctly. Units of index entries are not included.
Source: Amazon DynamoDB Developer Guide, "Item sizes and formats", "Read and write operations".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latchkey.storage.table import Value

READ_UNIT_BYTES = 4096
WRITE_UNIT_BYTES = 1024


def _text_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _value_bytes(value: Value) -> int:
    # In the order of frequency. A bool is an int.
    if isinstance(value, str):
        return _text_bytes(value)
    if value is None or isinstance(value, bool):
        return 1
    if isinstance(value, int):
        return len(str(value)) // 2 + 2
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, dict):
        return 3 + len(value) + item_bytes(value)
    return 3 + sum(1 + _value_bytes(part) for part in value)


def item_bytes(item: Mapping[str, Value]) -> int:
    """Return the billed size of an item."""
    size = 0
    for name, value in item.items():
        size += _text_bytes(name) + _value_bytes(value)
    return size


def read_units(size: int, *, consistent: bool) -> float:
    """Return the units of one read of this many bytes. A missing item costs like a small one."""
    return max(1, -(-size // READ_UNIT_BYTES)) * (1.0 if consistent else 0.5)


def write_units(before: int, after: int) -> int:
    """Return the units of one write outside a transaction: by the larger size of the item."""
    return max(1, -(-max(before, after) // WRITE_UNIT_BYTES))

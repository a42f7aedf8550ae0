"""A database of places in MaxMind's format, small enough to write by hand (IPv4 only).

Source: MaxMind DB File Format Specification 2.0.
"""

from __future__ import annotations

import ipaddress
from typing import Any

_MARKER = b"\xab\xcd\xefMaxMind.com"
_STRING, _UINT16, _UINT32, _MAP, _UINT64, _ARRAY = 2, 5, 6, 7, 9, 11
_KINDS = {"build_epoch": _UINT64, "node_count": _UINT32}


def build(networks: dict[str, dict[str, Any]]) -> bytes:
    """Write a database that knows these networks."""
    nodes: list[list[int | bytes | None]] = [[None, None]]
    for text, record in networks.items():
        network = ipaddress.IPv4Network(text)
        bits = f"{int(network.network_address):032b}"[: network.prefixlen]
        node = 0
        for bit in bits[:-1]:
            child = nodes[node][int(bit)]
            if not isinstance(child, int):
                nodes.append([None, None])
                child = nodes[node][int(bit)] = len(nodes) - 1
            node = child
        nodes[node][int(bits[-1])] = _encode(record)
    data = b""
    tree = b""
    for pair in nodes:
        for child in pair:
            match child:
                case bytes():
                    number, data = len(nodes) + 16 + len(data), data + child
                case None:
                    number = len(nodes)
                case _:
                    number = child
            tree += number.to_bytes(3)
    metadata = {
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1767323045,
        "database_type": "Test-City",
        "description": {"en": "a test"},
        "ip_version": 4,
        "languages": ["en"],
        "node_count": len(nodes),
        "record_size": 24,
    }
    return tree + bytes(16) + data + _MARKER + _encode(metadata)


def _encode(value: Any, number: int = _UINT16) -> bytes:
    match value:
        case str():
            content = value.encode()
            return _control(_STRING, len(content)) + content
        case int():
            content = value.to_bytes(8).lstrip(b"\0")
            return _control(number, len(content)) + content
        case list():
            return _control(_ARRAY, len(value)) + b"".join(map(_encode, value))
        case dict():
            pairs = (
                _encode(name) + _encode(part, _KINDS.get(name, _UINT16))
                for name, part in value.items()
            )
            return _control(_MAP, len(value)) + b"".join(pairs)
    raise TypeError(type(value).__name__)


def _control(kind: int, size: int) -> bytes:
    # Sizes from 29 on take a further byte; kinds from 8 on are written behind the first one.
    first = min(size, 29) | (kind << 5 if kind <= _MAP else 0)
    extended = b"" if kind <= _MAP else bytes([kind - _MAP])
    longer = b"" if size < 29 else bytes([size - 29])
    return bytes([first]) + extended + longer

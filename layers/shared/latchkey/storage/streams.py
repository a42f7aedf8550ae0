"""Items in the records of a table's stream: DynamoDB's JSON, with bytes in base 64."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from latchkey.storage.dynamodb import from_wire

if TYPE_CHECKING:
    from latchkey.storage.table import Item


def read_image(image: dict[str, Any]) -> Item:
    """Parse an image of a stream record."""
    return {name: from_wire(_with_bytes(value)) for name, value in image.items()}


def _with_bytes(wire: dict[str, Any]) -> dict[str, Any]:
    ((kind, content),) = wire.items()
    match kind:
        case "B":
            return {"B": base64.b64decode(content)}
        case "BS":
            return {"BS": [base64.b64decode(part) for part in content]}
        case "L":
            return {"L": [_with_bytes(part) for part in content]}
        case "M":
            return {"M": {name: _with_bytes(part) for name, part in content.items()}}
    return wire

"""Transports and a client of DynamoDB that lead from `clients/python` to the service in process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
from boto3.dynamodb.types import TypeSerializer

from latchkey.storage.table import Key

if TYPE_CHECKING:
    from tests.support.service import InProcessService


def transport(service: InProcessService, seen: list[str] | None = None) -> httpx2.MockTransport:
    """Send requests to the service, signed ones as those of a role."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        headers = dict(request.headers)
        if seen is not None:
            seen.append(f"{request.method} {request.url.path}")
        found = service.request(
            request.method,
            request.url.path,
            raw_body=request.content.decode() or None,
            headers=headers,
            query=dict(request.url.params) or None,
            signed=headers.get("authorization", "").startswith("AWS4-HMAC-SHA256"),
        )
        content = b"" if found.body is None else json.dumps(found.body).encode()
        return httpx2.Response(found.status, headers=found.headers, content=content)

    return httpx2.MockTransport(answer)


class TableClient:
    """The table in memory as boto3's client of DynamoDB. It has `get_item` alone."""

    def __init__(self, service: InProcessService) -> None:
        self._table = service.table
        self.requests: list[dict[str, Any]] = []

    def get_item(self, **request: Any) -> dict[str, Any]:
        """Return the projected attributes of an item."""
        self.requests.append(request)
        names = request["ExpressionAttributeNames"]
        wanted = {names[each.strip()] for each in request["ProjectionExpression"].split(",")}
        key = Key(request["Key"]["pk"]["S"], request["Key"]["sk"]["S"])
        item = self._table.get(key, consistent=request["ConsistentRead"])
        if item is None:
            return {}
        serialize = TypeSerializer().serialize
        return {"Item": {name: serialize(value) for name, value in item.items() if name in wanted}}

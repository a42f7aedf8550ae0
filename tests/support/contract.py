"""Validates responses against the contract: status, media type, body and error codes."""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema_rs

from tools.openapi import document


@cache
def _contract() -> dict[str, Any]:
    return document()


def require_documented(method: str, path: str, status: int, media_type: str, body: Any) -> None:
    """Fail unless the contract allows this response of the route.

    path  as the template has it, with {parameters}
    """
    described = _contract()["paths"][path][method.lower()]
    assert str(status) in described["responses"], f"{described['operationId']} answered {status}"
    _validator(method, path, status, media_type).validate(body)


@cache
def _validator(
    method: str, path: str, status: int, media_type: str
) -> jsonschema_rs.Draft202012Validator:
    contract = _contract()
    response = contract["paths"][path][method.lower()]["responses"][str(status)]
    if "$ref" in response:
        response = contract["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = response["content"][media_type]["schema"]
    components = {"schemas": contract["components"]["schemas"]}
    return jsonschema_rs.Draft202012Validator({**schema, "components": components})

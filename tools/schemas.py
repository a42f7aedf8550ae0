"""JSON Schemas of the contract: bodies, views, and the two formats of errors."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Literal, override

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from latchkey.http.errors import CATALOGUE, INTERNAL_ERROR, PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Iterable

type Schema = dict[str, Any]
type Shape = tuple[type, Literal["validation", "serialization"]]
"""A class and a direction: requests are validated, responses are serialized."""

_PARAMETER_KEYWORDS = (
    "type",
    "format",
    "pattern",
    "enum",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "default",
    "description",
)

_REFERENCE = "#/components/schemas/{model}"


class _PlainSchemas(GenerateJsonSchema):
    """Omits the titles that pydantic derives from field names."""

    @override
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def component_schemas(shapes: Iterable[Shape]) -> Schema:
    """Return the schema of every class of the contract, and of the classes they use.

    Raises ValueError if two classes share a name, because clients would get one type for both.
    """
    _, document = TypeAdapter.json_schemas(
        [(kind, mode, TypeAdapter[Any](kind)) for kind, mode in dict.fromkeys(shapes)],
        ref_template=_REFERENCE,
        schema_generator=_PlainSchemas,
    )
    found = {**document.get("$defs", {}), **error_schemas()}
    for name in found:
        # pydantic adds the module, -Input or -Output to equal names.
        if not re.fullmatch(r"[A-Z][A-Za-z]*", name):
            msg = f"Two classes of the contract share the name at the end of {name}: rename one."
            raise ValueError(msg)
    if clash := error_schemas().keys() & document.get("$defs", {}).keys():
        msg = f"{', '.join(clash)} is the name of an error's schema: rename the class."
        raise ValueError(msg)
    return {name: _without_title(found[name]) for name in sorted(found)}


def reference(name: str) -> Schema:
    """Return a reference to a component."""
    return {"$ref": _REFERENCE.format(model=name)}


def envelope(data: Schema) -> Schema:
    """Return the schema of a successful response."""
    return {
        "type": "object",
        "properties": {
            "success": {"const": True},
            "data": data,
            "message": {"type": "string", "description": "For people. It may change."},
        },
        "required": ["success", "data"],
    }


def error_media_types(codes: list[str]) -> Schema:
    """Return the schemas of an error with one of these codes, in both formats."""
    code = {"properties": {"code": {"enum": codes}}}
    return {
        "application/json": {
            "schema": {"allOf": [reference("ErrorAnswer"), {"properties": {"error": code}}]}
        },
        "application/problem+json": {"schema": {"allOf": [reference("ProblemAnswer"), code]}},
    }


def error_schemas() -> dict[str, Schema]:
    """Return the schemas of errors, as `http.errors.render_error` renders them."""
    code = reference("ErrorCode")
    request_id = {"type": "string", "description": "Quote it when you report a problem."}
    details = {"type": "array", "items": reference("ErrorDetail")}
    return {
        "ErrorCode": {
            "type": "string",
            "description": "Never renamed. docs/errors.md explains each code.",
            "enum": [*dict.fromkeys(kind.code for kind in CATALOGUE), INTERNAL_ERROR],
        },
        "ProblemCode": {
            "type": "string",
            "description": "Never renamed. docs/errors.md explains each code.",
            "enum": [code.value for code in PROBLEMS],
        },
        "ErrorDetail": {
            "type": "object",
            "description": "One problem of the request.",
            "properties": {
                "field": {
                    "type": "string",
                    "description": "The name of the field, such as `email`.",
                },
                "code": reference("ProblemCode"),
                "message": {"type": "string", "description": "For people. It may change."},
            },
            "required": ["field", "code", "message"],
        },
        "ErrorAnswer": {
            "type": "object",
            "description": "An error.",
            "properties": {
                "success": {"const": False},
                "error": {
                    "type": "object",
                    "properties": {
                        "code": code,
                        "message": {"type": "string", "description": "For people. It may change."},
                        "request_id": request_id,
                        "details": details,
                    },
                    "required": ["code", "message", "request_id"],
                },
            },
            "required": ["success", "error"],
        },
        "ProblemAnswer": {
            "type": "object",
            "description": "An error as RFC 9457 `application/problem+json`.",
            "properties": {
                "type": {"type": "string", "format": "uri"},
                "title": {"type": "string"},
                "detail": {"type": "string"},
                "status": {"type": "integer"},
                "code": code,
                "request_id": request_id,
                "details": details,
            },
            "required": ["type", "title", "status", "code", "request_id"],
        },
    }


def parameter_schemas(model: type[BaseModel]) -> dict[str, Schema]:
    """Return the schema of each query parameter, inherited ones last."""
    document = model.model_json_schema(schema_generator=_PlainSchemas, ref_template="{model}")
    own = model.__annotations__
    return {
        name: _parameter(schema, document.get("$defs", {}))
        for name, schema in sorted(document["properties"].items(), key=lambda it: it[0] not in own)
    }


def _parameter(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    # An optional one is anyOf its type and null, which stands for its absence.
    kind = schema.get("anyOf", [schema])[0]
    kind = {**definitions.get(kind.get("$ref", ""), kind), **schema}
    return {name: kind[name] for name in _PARAMETER_KEYWORDS if kind.get(name) is not None}


def uses_format(model: type[BaseModel], name: str) -> bool:
    """Return whether any field of a body has this format."""
    return f'"format": "{name}"' in json.dumps(model.model_json_schema())


def _without_title(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name != "title"}

"""JSON Schemas of the contract: the bodies' and views' own, and those of the two error forms."""

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
"""A class, and which side of it: what is sent is validated, what is answered serialized."""

_REFERENCE = "#/components/schemas/{model}"


class _PlainSchemas(GenerateJsonSchema):
    """Without the titles that pydantic makes of field names: they say everything twice."""

    @override
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def component_schemas(shapes: Iterable[Shape]) -> Schema:
    """Return the schema of every class that the contract names, and of what those are made of.

    Raises ValueError when two classes share a name: clients would get one type for both.
    """
    _, document = TypeAdapter.json_schemas(
        [(kind, mode, TypeAdapter[Any](kind)) for kind, mode in dict.fromkeys(shapes)],
        ref_template=_REFERENCE,
        schema_generator=_PlainSchemas,
    )
    found = {**document.get("$defs", {}), **error_schemas()}
    for name in found:
        # pydantic tells namesakes apart by their modules, or as -Input and -Output.
        if not re.fullmatch(r"[A-Z][A-Za-z]*", name):
            msg = f"Two classes of the contract share the name at the end of {name}: rename one."
            raise ValueError(msg)
    if clash := error_schemas().keys() & document.get("$defs", {}).keys():
        msg = f"{', '.join(clash)} is the name of an error's schema: rename the class."
        raise ValueError(msg)
    return {name: _without_title(found[name]) for name in sorted(found)}


def reference(name: str) -> Schema:
    """Point to a component."""
    return {"$ref": _REFERENCE.format(model=name)}


def envelope(data: Schema) -> Schema:
    """Describe a successful answer."""
    return {
        "type": "object",
        "properties": {
            "success": {"const": True},
            "data": data,
            "message": {"type": "string", "description": "For a person to read."},
        },
        "required": ["success", "data"],
    }


def error_media_types(codes: list[str]) -> Schema:
    """Describe an error that has one of these codes, in both forms."""
    code = {"properties": {"code": {"enum": codes}}}
    return {
        "application/json": {
            "schema": {"allOf": [reference("ErrorAnswer"), {"properties": {"error": code}}]}
        },
        "application/problem+json": {"schema": {"allOf": [reference("ProblemAnswer"), code]}},
    }


def error_schemas() -> dict[str, Schema]:
    """Describe errors, as `http.errors.render_error` writes them."""
    code = reference("ErrorCode")
    request_id = {"type": "string", "description": "Quote it when you ask for help."}
    details = {"type": "array", "items": reference("ErrorDetail")}
    return {
        "ErrorCode": {
            "type": "string",
            "description": "Stable for ever; docs/errors.md says what to do about each.",
            "enum": [*dict.fromkeys(kind.code for kind in CATALOGUE), INTERNAL_ERROR],
        },
        "ProblemCode": {
            "type": "string",
            "description": "Stable for ever; docs/errors.md says what each means.",
            "enum": [code.value for code in PROBLEMS],
        },
        "ErrorDetail": {
            "type": "object",
            "description": "One thing that is wrong with the request.",
            "properties": {
                "field": {"type": "string", "description": "Where: a path such as `email`."},
                "code": reference("ProblemCode"),
                "message": {"type": "string", "description": "For a person to read."},
            },
            "required": ["field", "code", "message"],
        },
        "ErrorAnswer": {
            "type": "object",
            "description": "An error, unless `Accept` asks for `application/problem+json`.",
            "properties": {
                "success": {"const": False},
                "error": {
                    "type": "object",
                    "properties": {
                        "code": code,
                        "message": {"type": "string", "description": "For a person to read."},
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
            "description": "The same error as RFC 9457 has it.",
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


def uses_format(model: type[BaseModel], name: str) -> bool:
    """Tell whether any field of a body has this format."""
    return f'"format": "{name}"' in json.dumps(model.model_json_schema())


def _without_title(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name != "title"}

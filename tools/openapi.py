"""Generates openapi.json from the handlers' declarations and the routes of the template.

    python -m tools.openapi          write openapi.json, docs/errors.md, docs/limits.md, and the
                                     generated part of clients/python
    python -m tools.openapi --check  fail if a file is out of date

An endpoint's `EndpointSpec` is the contract. Its docstring is the description.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING

from latchkey.domain import errors
from latchkey.domain.ids import id_pattern
from latchkey.domain.limits import IDEMPOTENCY_KEY_MAX_CHARACTERS, LINK_TOKEN_MAX_CHARACTERS
from latchkey.http.bodies.languages import LANGUAGE_FORMAT
from latchkey.http.endpoints import may_omit_body
from latchkey.http.errors import CATALOGUE, INTERNAL_ERROR
from tools import python_client
from tools.error_docs import INTERNAL_ERROR_MEANING, render_error_page
from tools.limit_docs import render_limits_page
from tools.operations import API_PREFIX, Operation, operations
from tools.schemas import (
    Schema,
    component_schemas,
    envelope,
    error_media_types,
    parameter_schemas,
    reference,
    uses_format,
)
from tools.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from latchkey.domain.errors import DomainError
    from latchkey.http.auth import CallerRule
    from tools.schemas import Shape

CONTRACT_VERSION = "0.1.0"
"""Semantic version of the HTTP contract, independent of releases of the code."""

_DESCRIPTION = """\
Accounts and sessions: register, sign in, see every device that you are signed in on, and sign any
of them out on its next request.

Every response is `{"success": true, "data": …}`, or `{"success": false, "error": …}` with a stable
code. With `Accept: application/problem+json` errors are RFC 9457 documents."""

_TAGS = {
    "auth": ("Signing in and out.", rf"{API_PREFIX}/auth/.*"),
    "sessions": ("Signed-in devices.", r".*/sessions(/.*)?"),
    "exports": ("Exports of the caller's data.", r".*/exports?(/.*)?"),
    "account": ("The caller's account.", rf"{API_PREFIX}/users/me(/.*)?"),
    "users": ("Accounts, for administrators.", rf"{API_PREFIX}/users(/.*)?"),
    "profiles": ("People, as others see them.", rf"{API_PREFIX}/profiles(/.*)?"),
    "audit": ("The audit trail, for administrators.", rf"{API_PREFIX}/audit"),
    "service": ("The service itself.", rf"{API_PREFIX}/health|/\.well-known/.*"),
}
"""Tags, with the paths they apply to. The first match applies."""

_PATH_PARAMETERS = {
    "session_id": ("ses", "The id of a session, from `listSessions`."),
    "user_id": ("usr", "An account."),
    "export_id": ("exp", "The id of an export, from `requestExport`."),
}
"""Path parameters: the prefix of the id, and its description."""

_TAG = '(W/)?"[!#-~]*"'
"""An entity tag. Source: RFC 9110 8.8.3."""

_SECURITY_SCHEME = "accessToken"
_SIGNATURE_SCHEME = "awsSignature"

_HEADERS: dict[str, Schema] = {
    "X-Request-Id": {
        "description": "The id of the request. Quote it when you report a problem.",
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {
        "description": "The challenge of RFC 6750, with the code of the error.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next attempt.",
        "schema": {"type": "integer"},
    },
}
_MEANINGS = {(row.status, kind.code): row.en for kind, row in CATALOGUE.items()} | {
    (500, INTERNAL_ERROR): f"{INTERNAL_ERROR_MEANING}."
}
_HEADERS_BY_STATUS = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}


def document() -> Schema:
    """Return the complete OpenAPI document."""
    paths: dict[str, Schema] = {}
    for operation in operations():
        methods = paths.setdefault(operation.route.path, {})
        methods[operation.route.method.lower()] = _operation(operation)
    used = {tag for methods in paths.values() for item in methods.values() for tag in item["tags"]}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Latchkey",
            "version": CONTRACT_VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": name, "description": description}
            for name, (description, _) in _TAGS.items()
            if name in used
        ],
        "paths": paths,
        "components": {
            "schemas": component_schemas(_shapes()),
            "responses": _lone_failures(),
            "headers": _HEADERS,
            "securitySchemes": {
                _SECURITY_SCHEME: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The `access_token` of a sign-in or a refresh.",
                },
                _SIGNATURE_SCHEME: {
                    "type": "apiKey",
                    "name": "Authorization",
                    "in": "header",
                    "description": "A signature (SigV4, service `execute-api`) of a role that may "
                    "invoke the route. Send it to the API itself: `introspection_endpoint` of the "
                    "metadata.",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                },
            },
        },
    }


def possible_errors(operation: Operation) -> list[type[DomainError]]:
    """Return every error that an operation can return, in the order of the catalogue."""
    spec = operation.endpoint.spec
    possible: set[type[DomainError]] = {
        # Every operation refuses undeclared query parameters.
        errors.InvalidInput,
        *(() if spec.caller.signed else (errors.DirectAccessRefused,)),
        errors.TemporarilyUnavailable,
        *spec.caller.refusals,
        *spec.errors,
    }
    if spec.if_match:
        possible.add(errors.PreconditionFailed)
    if spec.idempotency_key:
        possible.add(errors.IdempotencyKeyReused)
    if spec.body_model is not None and uses_format(spec.body_model, LANGUAGE_FORMAT):
        possible.add(errors.InvalidLanguageCode)
    if strangers := [kind.__name__ for kind in possible if kind not in CATALOGUE]:
        msg = f"{operation.id}: {', '.join(strangers)} is not in http/errors.py's CATALOGUE."
        raise ValueError(msg)
    return [kind for kind in CATALOGUE if kind in possible]


def _operation(operation: Operation) -> Schema:
    spec = operation.endpoint.spec
    summary, _, description = (inspect.getdoc(operation.endpoint) or "").partition("\n\n")
    described: Schema = {
        "operationId": operation.id,
        "tags": [_tag(operation.route.path)],
        "summary": summary.removesuffix("."),
    }
    if description:
        described["description"] = description
    if operation.alias_of:
        described["x-alias-of"] = operation.alias_of
    described["security"] = _security(spec.caller)
    if parameters := [
        *_path_parameters(operation),
        *_query_parameters(operation),
        *_header_parameters(operation),
    ]:
        described["parameters"] = parameters
    if spec.body_model is not None:
        schema = reference(spec.body_model.__name__)
        described["requestBody"] = {
            "required": not may_omit_body(spec, operation.route.method),
            "content": {"application/json": {"schema": schema}},
        }
        if spec.form is not None:
            schema = reference(spec.form.model.__name__)
            described["requestBody"]["content"][spec.form.media_type] = {"schema": schema}
    described["responses"] = {
        str(status): answer
        for status, answer in sorted({**_successes(operation), **_failures(operation)}.items())
    }
    return described


def _security(caller: CallerRule) -> list[Schema]:
    if caller.signed:
        return [{_SIGNATURE_SCHEME: []}]
    return [{_SECURITY_SCHEME: []}] if caller.authorizer else []


def tag_of(path: str) -> str | None:
    """Return the tag of a path; None if no resource has it."""
    return next((name for name, (_, pattern) in _TAGS.items() if re.fullmatch(pattern, path)), None)


def path_parameter(name: str) -> tuple[str, str] | None:
    """Return a path parameter's prefix and description; None if it has none."""
    return _PATH_PARAMETERS.get(name)


def _tag(path: str) -> str:
    tag = tag_of(path)
    if tag is None:
        msg = f"{path} belongs to no resource: add one to _TAGS in tools/openapi.py."
        raise ValueError(msg)
    return tag


def _path_parameters(operation: Operation) -> Iterator[Schema]:
    for name in re.findall(r"{(\w+)}", operation.route.path):
        if name not in _PATH_PARAMETERS:
            msg = f"{{{name}}} is not described: add it to _PATH_PARAMETERS in tools/openapi.py."
            raise ValueError(msg)
        prefix, description = _PATH_PARAMETERS[name]
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": description,
            "schema": {"type": "string", "pattern": id_pattern(prefix)},
        }


def _query_parameters(operation: Operation) -> Iterator[Schema]:
    model = operation.endpoint.spec.query
    for name, schema in parameter_schemas(model).items() if model else ():
        yield {
            "name": name,
            "in": "query",
            "required": model is not None and model.model_fields[name].is_required(),
            "description": schema.pop("description"),
            "schema": schema,
        }


def _header_parameters(operation: Operation) -> Iterator[Schema]:
    if operation.endpoint.spec.if_match:
        yield {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "description": "The `ETag` that you read; 412 if the resource has changed since.",
            "schema": {"type": "string", "pattern": f"^(\\*|{_TAG}( *, *{_TAG})*)$"},
        }
    if operation.endpoint.spec.link_token:
        yield {
            "name": "Latchkey-Token",
            "in": "header",
            "required": True,
            "description": "The token behind `#token=` in the emailed link.",
            "schema": {"type": "string", "minLength": 1, "maxLength": LINK_TOKEN_MAX_CHARACTERS},
        }
    if operation.endpoint.spec.idempotency_key:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "A UUID of your choice. A repeated request creates nothing new.",
            "schema": {
                "type": "string",
                "pattern": "^[!#-\\[\\]-~]+$",
                "maxLength": IDEMPOTENCY_KEY_MAX_CHARACTERS,
            },
        }


def _successes(operation: Operation) -> dict[int, Schema]:
    spec = operation.endpoint.spec
    answers = {}
    for status, view in spec.returns.items():
        data: Schema = {"type": "null"} if view is None else reference(view.__name__)
        description = HTTPStatus(status).phrase if view is None else inspect.getdoc(view) or ""
        answers[status] = {
            "description": description.split("\n\n")[0].replace("\n", " ").removesuffix("."),
            "headers": _headers(status),
            "content": {"application/json": {"schema": data if spec.bare else envelope(data)}},
        }
    return answers


def _failures(operation: Operation) -> dict[int, Schema]:
    codes: dict[int, list[str]] = {500: [INTERNAL_ERROR]}
    for kind in possible_errors(operation):
        codes.setdefault(CATALOGUE[kind].status, []).append(kind.code)
    return {
        status: _failure(status, found)
        if len(found) > 1
        else {"$ref": f"#/components/responses/{_component(found[0])}"}
        for status, found in codes.items()
    }


def _failure(status: int, codes: list[str]) -> Schema:
    return {
        "description": "\n".join(f"- `{code}`: {_MEANINGS[status, code]}" for code in codes),
        "headers": _headers(status),
        "content": error_media_types(codes),
    }


def _lone_failures() -> Schema:
    """Return shared responses, for statuses that have the same errors in several operations."""
    statuses = {INTERNAL_ERROR: 500}
    for operation in operations():
        kinds = possible_errors(operation)
        alone = Counter(CATALOGUE[kind].status for kind in kinds)
        rows = ((kind.code, CATALOGUE[kind].status) for kind in kinds)
        statuses |= {code: status for code, status in rows if alone[status] == 1}
    return {_component(code): _failure(statuses[code], [code]) for code in sorted(statuses)}


def _component(code: str) -> str:
    return code.title().replace("_", "")


def _headers(status: int) -> Schema:
    names = ["X-Request-Id", *_HEADERS_BY_STATUS.get(status, [])]
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _shapes() -> Iterator[Shape]:
    for operation in operations():
        spec = operation.endpoint.spec
        if spec.body_model is not None:
            yield spec.body_model, "validation"
        if spec.form is not None:
            yield spec.form.model, "validation"
        for view in spec.returns.values():
            if view is not None:
                yield view, "serialization"


def render() -> str:
    """Render the document as JSON."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def generated() -> dict[Path, str]:
    """Return the path and the expected text of each generated file."""
    answered_by: dict[type[DomainError], list[str]] = {}
    for operation in operations():
        for kind in possible_errors(operation):
            answered_by.setdefault(kind, []).append(operation.id)
    return python_client.generated(document()) | {
        ROOT / "openapi.json": render(),
        ROOT / "docs" / "errors.md": render_error_page(answered_by, total=len(operations())),
        ROOT / "docs" / "limits.md": render_limits_page(
            {each.route.function: f"{each.route.method} {each.route.path}" for each in operations()}
        ),
    }


def main(arguments: list[str]) -> int:
    """Write the files, or with --check name those that are out of date."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m tools.openapi [--check]", file=sys.stderr)
        return 2
    try:
        files = generated()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    stale = []
    for path, text in files.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(ROOT)))
        if not arguments:
            path.write_text(text, encoding="utf-8")
    if stale and arguments:
        print(f"Out of date: {', '.join(stale)}. Run `make openapi`.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

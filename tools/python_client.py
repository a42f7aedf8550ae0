"""Makes the models, errors and operations of `clients/python` from the contract.

`tools.openapi` writes them. The transport over them is written by hand.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tools.template import ROOT

if TYPE_CHECKING:
    from pathlib import Path

TARGET = ROOT / "clients/python/src/latchkey_client/generated"
HEADER = '"""Generated from the contract by `make openapi`. Do not edit."""\n\n'
SIGNED: dict[str, list[str]] = {"awsSignature": []}
"""Operations for roles of AWS are in `latchkey_client.introspection`."""

_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}

type Schema = dict[str, Any]


def type_of(schema: Schema) -> str:
    """Return the annotation of a schema."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(type_of(each) for each in schema["anyOf"]))
    if values := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return f"Literal[{', '.join(repr(value) for value in values)}]"
    kind = schema.get("type")
    if kind == "array":
        return f"list[{type_of(schema.get('items', {}))}]"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"dict[str, {type_of(values) if isinstance(values, dict) else 'Any'}]"
    if kind == "string" and schema.get("format") == "date-time":
        return "datetime"
    return _PLAIN.get(str(kind), "Any")


def models(contract: Schema) -> str:
    """Return the module of the models: bodies leave out what is unset, views what is unknown."""
    parts = [
        HEADER,
        "from __future__ import annotations\n\n",
        "from datetime import datetime\nfrom typing import Any, Literal\n\n",
        "import msgspec\n",
    ]
    for name, schema in sorted(contract["components"]["schemas"].items()):
        if name.endswith("Form"):
            continue
        is_open = isinstance(schema.get("additionalProperties"), dict)
        if schema.get("type") != "object" or "properties" not in schema or is_open:
            parts.append(f"\n{name} = {type_of(schema)}\n")
            continue
        parts.append(_struct(name, schema))
    return "".join(_aliases_last(parts))


def _aliases_last(parts: list[str]) -> list[str]:
    # An alias is evaluated where it stands. A class is not: its annotations are text.
    head, body = parts[:4], parts[4:]
    aliases = [part for part in body if not part.lstrip("\n").startswith("class ")]
    classes = [part for part in body if part not in aliases]
    return [*head, *sorted(aliases, key=lambda part: "[" in part or "|" in part), *classes]


def _struct(name: str, schema: Schema) -> str:
    required = set(schema.get("required", []))
    lines = [f"\n\nclass {name}(msgspec.Struct, kw_only=True):"]
    if description := schema.get("description"):
        lines.append(_doc(description, 4))
    for name_of, part in schema["properties"].items():
        annotation = type_of(part)
        if not name.endswith("Body"):
            # The API may add values. A client of today reads them.
            annotation = re.sub(r"Literal\[[^\]]*'[^\]]*\]", "str", annotation)
        if name_of in required:
            lines.append(f"    {name_of}: {annotation}")
        elif name.endswith("Body"):
            lines.append(f"    {name_of}: {annotation} | msgspec.UnsetType = msgspec.UNSET")
        else:
            default = part.get("default")
            optional = annotation if default is not None else f"{annotation} | None"
            lines.append(f"    {name_of}: {optional} = {default!r}")
    return "\n".join(lines) + "\n"


def _doc(text: str, indent: int) -> str:
    pad = " " * indent
    wrapped = textwrap.wrap(text.replace("\\", "\\\\"), 92 - indent)
    if len(wrapped) == 1:
        return f'{pad}"""{wrapped[0]}"""'
    return f'{pad}"""' + f"\n{pad}".join(wrapped) + f'\n{pad}"""'


def errors(contract: Schema) -> str:
    """Return the module with a class for each error code."""
    codes = contract["components"]["schemas"]["ErrorCode"]["enum"]
    meanings = _meanings(contract)
    parts = [
        HEADER,
        "from __future__ import annotations\n\n",
        "from latchkey_client.errors import ApiError\n",
    ]
    for code in codes:
        meaning = meanings.get(code, "An error.")
        parts.append(
            f'\n\nclass {_class_name(code)}(ApiError):\n{_doc(meaning, 4)}\n\n    code = "{code}"\n'
        )
    entries = "".join(f"    {_class_name(code)}.code: {_class_name(code)},\n" for code in codes)
    parts.append(f"\n\nBY_CODE: dict[str, type[ApiError]] = {{\n{entries}}}\n")
    return "".join(parts)


def _meanings(contract: Schema) -> dict[str, str]:
    text = json.dumps(contract)
    found = re.findall(r"- `([A-Z_]+)`: ((?:[^\"\\]|\\(?!n))+)", text)
    return {code: json.loads(f'"{meaning}"') for code, meaning in found}


def _class_name(code: str) -> str:
    return "".join(word.title() for word in code.split("_"))


def operations(contract: Schema) -> str:
    """Return the module with a method for each operation, synchronous and asynchronous."""
    found = [
        (method.upper(), path, operation)
        for path, methods in contract["paths"].items()
        for method, operation in methods.items()
        if SIGNED not in operation["security"]
    ]
    schemas = contract["components"]["schemas"]
    parts = [
        HEADER,
        "from __future__ import annotations\n\n",
        "from datetime import datetime\nfrom typing import TYPE_CHECKING, Any, Literal\n\n",
        "from msgspec import UNSET, UnsetType\n\n",
        "from latchkey_client.calls import Call\nfrom latchkey_client.generated import models\n",
        "from latchkey_client.generated.models import *\n\n",
        "if TYPE_CHECKING:\n    from collections.abc import Awaitable, Mapping\n",
    ]
    for name, is_async in (("Operations", False), ("AsyncOperations", True)):
        parts.append(f'\n\nclass {name}:\n    """Every operation of the API."""\n')
        result = "Awaitable[Any]" if is_async else "Any"
        parts.append(
            f"\n    def _send(self, call: Call) -> {result}:\n        raise NotImplementedError\n"
        )
        parts.extend(_method(*each, schemas, is_async=is_async) for each in found)
    return "".join(parts)


@dataclass
class _Arguments:
    """The arguments of a method, and what each place of the request gets of them."""

    path: list[str] = field(default_factory=list)
    required: list[str] = field(default_factory=list)
    optional: list[str] = field(default_factory=list)
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str | None = None

    def add(self, name: str, schema: Schema, *, required: bool) -> None:
        """Add a keyword argument."""
        if required:
            self.required.append(f"{name}: {type_of(schema)}")
        else:
            self.optional.append(f"{name}: {type_of(schema)} | UnsetType = UNSET")

    def take_parameters(self, parameters: list[Schema]) -> None:
        """Add the parameters of the path, the query and the headers."""
        for each in parameters:
            name = each["name"].replace("-", "_").lower()
            if each["in"] == "path":
                self.path.append(f"{name}: str")
                continue
            place = self.query if each["in"] == "query" else self.headers
            place.append((each["name"], name))
            self.add(name, each["schema"], required=each["required"])

    def take_body(self, content: Schema | None, schemas: Schema) -> None:
        """Add the fields of the body, or one argument for a body with any fields."""
        if content is None:
            return
        schema = schemas[type_of(content["schema"])]
        if isinstance(schema.get("additionalProperties"), dict):
            self.path.append("body: Mapping[str, Any]")
            self.body = "body"
            return
        required = schema.get("required", [])
        for name, part in schema["properties"].items():
            self.add(name, part, required=name in required)
        self.body = _mapping([(name, name) for name in schema["properties"]])

    def signature(self, operation_id: str) -> str:
        """Return the signature. Raises ValueError for two arguments of one name."""
        keywords = [*self.required, *self.optional]
        names = [each.partition(":")[0] for each in [*self.path, *keywords]]
        if len(set(names)) != len(names):
            msg = f"{operation_id}: two parameters of one name"
            raise ValueError(msg)
        return ", ".join(["self", *self.path, *(["*", *keywords] if keywords else [])])


def _method(method: str, path: str, operation: Schema, schemas: Schema, *, is_async: bool) -> str:
    arguments = _Arguments()
    arguments.take_parameters(operation.get("parameters", []))
    content = operation.get("requestBody", {}).get("content", {})
    arguments.take_body(content.get("application/json"), schemas)
    result, bare = _result(operation)
    values = [
        f'"{method}"',
        f'{"f" if "{" in path else ""}"{path}"',
        f"models.{result}" if result else "None",
        f"authorized={bool(operation['security'])}",
    ]
    if arguments.query:
        values.append(f"query={_mapping(arguments.query)}")
    if arguments.headers:
        values.append(f"headers={_mapping(arguments.headers)}")
    if arguments.body is not None:
        values.append(f"body={arguments.body}")
    if bare:
        values.append("bare=True")
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", operation["operationId"]).lower()
    keyword, wait = ("async def", "await ") if is_async else ("def", "")
    may_be_empty = result and _may_be_empty(operation)
    returned = f"models.{result}{' | None' if may_be_empty else ''}" if result else "None"
    return (
        f"\n    {keyword} {name}(\n        {arguments.signature(operation['operationId'])}\n"
        f"    ) -> {returned}:\n"
        f"{_doc(operation['summary'] + '.', 8)}\n"
        f"        result: {returned} = {wait}self._send(Call({', '.join(values)}))\n"
        f"        return result\n"
    )


def _mapping(pairs: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f'"{sent}": {name}' for sent, name in pairs) + "}"


def _successes(operation: Schema) -> list[Schema]:
    return [
        answer["content"]["application/json"]["schema"]
        for status, answer in operation["responses"].items()
        if status.startswith("2")
    ]


def _result(operation: Schema) -> tuple[str | None, bool]:
    """Return the model of a success, and whether it is the whole body."""
    for schema in _successes(operation):
        if "$ref" in schema:
            return type_of(schema), True
        if "$ref" in schema["properties"]["data"]:
            return type_of(schema["properties"]["data"]), False
    return None, False


def _may_be_empty(operation: Schema) -> bool:
    return any(
        schema.get("properties", {}).get("data") == {"type": "null"}
        for schema in _successes(operation)
    )


def generated(contract: Schema) -> dict[Path, str]:
    """Return the path and the expected text of each generated file."""
    texts = {"models": models, "errors": errors, "operations": operations}
    return {TARGET / f"{name}.py": formatted(make(contract)) for name, make in texts.items()} | {
        TARGET / "__init__.py": ""
    }


def formatted(text: str) -> str:
    """Format as the rest of the repository is."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", "generated.py", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout

"""Which environment variables a function needs: read from the source, not from a run.

A handler names parts of `bootstrap`; a part reads fields of `Config` and uses other parts; a field
is read from variables. What a handler imports of `latchkey.http` counts as its own.
"""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING

from tools.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAYER = ROOT / "layers/shared"


def variables_of(folder: str) -> frozenset[str]:
    """Return the variables that the function in this folder reads when it does what it may do."""
    parts, fields = _named(ROOT / "functions" / folder / "app.py")
    waiting, seen = list(parts), set()
    while waiting:
        part = waiting.pop()
        if part in seen or part not in _parts():
            continue
        seen.add(part)
        used, read = _parts()[part]
        fields |= read
        waiting += used
    return frozenset().union(*(_variables()[field] for field in fields))


def required() -> frozenset[str]:
    """Return the variables that every function reads: those without a default, and OPERATION."""
    return frozenset(
        name
        for node in ast.walk(_from_env())
        if isinstance(node, ast.Subscript)
        for name in _read(node)
    ) | {"OPERATION"}


def known() -> frozenset[str]:
    """Return every variable that `Config` reads, with a default or without, and OPERATION."""
    return frozenset(_read(_from_env())) | {"OPERATION"}


def _named(path: Path) -> tuple[set[str], set[str]]:
    """Return the parts and the fields that a module names, also by what it imports of http."""
    parts: set[str] = set()
    fields: set[str] = set()
    for definition in _reachable(path):
        for node in ast.walk(definition):
            match node:
                case ast.ImportFrom(module="latchkey.bootstrap"):
                    parts |= {name.name for name in node.names}
                case ast.Attribute(value=ast.Name(id="bootstrap" | "services")):
                    parts.add(node.attr)
                case ast.Attribute(value=ast.Call(func=ast.Attribute(attr="services"))):
                    parts.add(node.attr)
                case ast.Attribute() if _is_config(node.value):
                    fields.add(node.attr)
    return parts & _parts().keys(), fields & _variables().keys()


def _reachable(path: Path) -> Iterator[ast.stmt]:
    """Return the statements of a module, and the definitions of http that they lead to."""
    yield from _parse(path).body
    waiting = [
        (module, name) for module, names in _imported(path).items() for name in sorted(names)
    ]
    seen = set()
    while waiting:
        module, name = waiting.pop()
        if (module, name) in seen or not module.exists():
            continue
        seen.add((module, name))
        for statement in _definitions(module).get(name, []):
            yield statement
            used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
            waiting += [(module, other) for other in used & _definitions(module).keys()]
            for source, names in _imported(module).items():
                waiting += [(source, other) for other in used & names]


@cache
def _imported(module: Path) -> dict[Path, set[str]]:
    """Return the names that a module imports of other modules of http."""
    found: dict[Path, set[str]] = {}
    for node in _parse(module).body:  # those under TYPE_CHECKING are deeper
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("latchkey.http."):
            source = LAYER / f"{str(node.module).replace('.', '/')}.py"
            found.setdefault(source, set()).update(name.asname or name.name for name in node.names)
    return found


@cache
def _definitions(module: Path) -> dict[str, list[ast.stmt]]:
    """Return the statements at the top of a module, by the names that they define."""
    found: dict[str, list[ast.stmt]] = {}
    for node in _parse(module).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for name in ast.walk(node):
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                    found.setdefault(name.id, []).append(node)
    return found


@cache
def _parts() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Return, for each part of Services, the parts and the fields of Config that it uses."""
    services = _class(LAYER / "latchkey/bootstrap.py", "Services")
    methods = [node for node in services.body if isinstance(node, ast.FunctionDef)]
    found = {}
    for method in methods:
        used, read = set(), set()
        for node in ast.walk(method):
            if isinstance(node, ast.Attribute) and _is_name(node.value, "self"):
                used.add(node.attr)
            elif isinstance(node, ast.Attribute) and _is_config(node.value):
                read.add(node.attr)
        found[method.name] = frozenset(used), frozenset(read)
    return found


@cache
def _variables() -> dict[str, frozenset[str]]:
    """Return, for each field of Config, the variables that it is made from."""
    calls = [
        node
        for node in ast.walk(_from_env())
        if isinstance(node, ast.Call) and _is_name(node.func, "cls")
    ]
    found = {str(keyword.arg): frozenset(_read(keyword.value)) for keyword in calls[0].keywords}
    # Made before the call.
    found["allowed_origins"] = frozenset({"ALLOWED_ORIGINS"})
    # Every variable with a prefix is one. Who needs which is told by the queues it may send to.
    found["queue_urls"] = frozenset()
    return found


def _read(expression: ast.AST) -> Iterator[str]:
    for node in ast.walk(expression):
        match node:
            case ast.Subscript(value=ast.Name(id="env"), slice=ast.Constant(value=str(name))):
                yield name
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="env"), attr="get"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


@cache
def _from_env() -> ast.FunctionDef:
    config = _class(LAYER / "latchkey/config.py", "Config")
    (method,) = (
        node
        for node in config.body
        if isinstance(node, ast.FunctionDef) and node.name == "from_env"
    )
    return method


def _class(path: Path, name: str) -> ast.ClassDef:
    (found,) = (
        node for node in _parse(path).body if isinstance(node, ast.ClassDef) and node.name == name
    )
    return found


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _is_config(node: ast.AST) -> bool:
    return _is_name(node, "config") or (isinstance(node, ast.Attribute) and node.attr == "config")


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name

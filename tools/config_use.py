"""Derives the environment variables of a function from its source.

A handler imports parts of `latchkey.wiring`; a part reads fields of `Config` and uses other parts;
a field is read from variables. What a handler imports of `latchkey.http` and `latchkey.events`
counts as its own.
"""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING

from latchkey import http
from tools.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAYER = ROOT / "layers/shared"
ENTRY_POINTS = ("latchkey.http.", "latchkey.events.")


def variables_of(folder: str) -> frozenset[str]:
    """Return the variables that the function in this folder may read."""
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
    """Return the parts and the fields that a handler names, and the entry points that it uses."""
    parts: set[str] = set()
    fields: set[str] = set()
    for module, definition in _reachable(path):
        for node in ast.walk(definition):
            if isinstance(node, ast.Name) and node.id in _wired(module):
                parts.add(node.id)
            elif isinstance(node, ast.Attribute) and _is_config(node.value):
                fields.add(node.attr)
    return parts & _parts().keys(), fields & _variables().keys()


def _reachable(path: Path) -> Iterator[tuple[Path, ast.stmt]]:
    """Return the statements of a handler, and the definitions of entry points that they lead to."""
    for statement in _parse(path).body:
        yield path, statement
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
            yield module, statement
            used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
            waiting += [(module, other) for other in used & _definitions(module).keys()]
            for source, names in _imported(module).items():
                waiting += [(source, other) for other in used & names]


@cache
def _wired(module: Path) -> frozenset[str]:
    """Return the names that a module imports of the wiring."""
    return frozenset(
        name.name
        for node in _parse(module).body  # those under TYPE_CHECKING are deeper
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("latchkey.wiring.")
        for name in node.names
    )


@cache
def _imported(module: Path) -> dict[Path, set[str]]:
    """Return the names that a module imports of the entry points."""
    found: dict[Path, set[str]] = {}
    body = _parse(module).body  # those under TYPE_CHECKING are deeper
    later = [node for each in body if isinstance(each, ast.FunctionDef) for node in each.body]
    for node in (*body, *later):
        if not isinstance(node, ast.ImportFrom):
            continue
        for name in (alias.asname or alias.name for alias in node.names):
            source = str(node.module)
            if source == http.__name__:
                source = f"{source}.{http.MODULES[name]}"
            if source.startswith(ENTRY_POINTS):
                found.setdefault(LAYER / f"{source.replace('.', '/')}.py", set()).add(name)
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
    """Return, for each part of the wiring, the parts and the fields of Config that it uses."""
    makers = [
        node
        for path in (LAYER / "latchkey/wiring").glob("*.py")
        for node in _parse(path).body
        if isinstance(node, ast.FunctionDef)
        and any(_is_name(decorator, "part") for decorator in node.decorator_list)
    ]
    found = {}
    for maker in makers:
        used, read = set(), set()
        for node in ast.walk(maker):
            match node:
                case ast.Subscript(value=ast.Name(id="services"), slice=ast.Name(id=name)):
                    used.add(name)
                case ast.Attribute() if _is_config(node.value):
                    read.add(node.attr)
        if maker.name in found:
            msg = f"two parts are named {maker.name}"
            raise ValueError(msg)
        found[maker.name] = frozenset(used), frozenset(read)
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
    # Every variable with a prefix. A function needs those of the queues that it may send to.
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

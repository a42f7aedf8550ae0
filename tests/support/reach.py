"""What a handler can reach: a call graph of the package, from its source and its annotations.

A call of `self.links.accept(…)` is one of `Links.accept`, because the field `links` says so. It
takes in too much where one function does two things, and never too little: a receiver whose class
is not known is an error.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from tools.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = ROOT / "layers" / "shared" / "latchkey"


@dataclass
class Class:
    """A class: its methods, and the classes of its fields by their names."""

    module: str
    methods: dict[str, ast.FunctionDef] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    bases: list[str] = field(default_factory=list)


@dataclass
class Code:
    """Every class of the package, every function of a module, and what each module imports."""

    classes: dict[str, Class] = field(default_factory=dict)
    functions: dict[tuple[str, str], ast.FunctionDef] = field(default_factory=dict)
    imports: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)


@cache
def code() -> Code:
    """Read the package."""
    found = Code()
    for file in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(("latchkey", *file.relative_to(PACKAGE).with_suffix("").parts))
        tree = ast.parse(file.read_text(encoding="utf-8"))
        found.imports[module] = dict(_imports(tree))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                found.functions[module, node.name] = node
            elif isinstance(node, ast.ClassDef):
                found.classes[node.name] = _class(module, node)
    return found


type Reached = dict[str, tuple[ast.FunctionDef, str]]
"""Functions and the modules that they are in, by `Class.method` or `module.name`."""


@cache
def reach_of(function: str) -> Reached:
    """Everything that the handler of a function can call."""
    tree = ast.parse((ROOT / "functions" / function / "app.py").read_text(encoding="utf-8"))
    (handler,) = (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "handler")
    module = f"functions.{function}"
    code().imports[module] = dict(_imports(tree))
    arguments = {a.arg: _name(a.annotation) for a in handler.args.args if a.annotation}
    reached: Reached = {}
    waiting = list(_called(handler, module, None, arguments))
    while waiting:
        label, node, where, owner = waiting.pop()
        if label not in reached:
            reached[label] = node, where
            arguments = {a.arg: _name(a.annotation) for a in _arguments(node) if a.annotation}
            waiting += _called(node, where, owner, arguments)
    return reached


def names_in(reached: Reached) -> set[str]:
    """Everything of other modules that reached code mentions, by `module.name`."""
    found = set()
    for node, module in reached.values():
        imports = code().imports.get(module, {})
        for each in ast.walk(node):
            if isinstance(each, ast.Name) and each.id in imports:
                found.add(".".join(imports[each.id]))
            elif (
                isinstance(each, ast.Attribute)
                and isinstance(each.value, ast.Name)
                and each.value.id in imports
            ):
                found.add(".".join((*imports[each.value.id], each.attr)))
    return found


type _Found = tuple[str, ast.FunctionDef, str, str | None]


def _called(
    node: ast.AST, module: str, owner: str | None, arguments: dict[str, str]
) -> Iterator[_Found]:
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute):
            receiver = _receiver(each.value, module, owner, arguments)
            if receiver is not None:
                yield from _method(receiver, each.attr)
            elif isinstance(each.value, ast.Name):
                yield from _imported(module, each.value.id, each.attr)
        elif isinstance(each, ast.Name):
            yield from _imported(module, each.id, None)


def _receiver(
    value: ast.expr, module: str, owner: str | None, arguments: dict[str, str]
) -> str | None:
    """The class of `self`, `self.field`, `flow` or `Class`, if it is one of ours."""
    if isinstance(value, ast.Name):
        if value.id == "self":
            return owner
        known = arguments.get(value.id)
        if known is None:
            known = code().imports.get(module, {}).get(value.id, ("", value.id))[1]
        return known if known in code().classes else None
    if isinstance(value, ast.Call):
        return _receiver(value.func, module, owner, arguments)
    if isinstance(value, ast.Attribute):
        inner = _receiver(value.value, module, owner, arguments)
        kind = None if inner is None else _field(inner, value.attr)
        return kind if kind in code().classes else None
    return None


def _field(owner: str, name: str) -> str | None:
    found = code().classes[owner]
    if name in found.fields:
        return found.fields[name]
    return next((f for b in found.bases if b in code().classes and (f := _field(b, name))), None)


def _method(owner: str, name: str) -> Iterator[_Found]:
    found = code().classes[owner]
    if name in found.methods:
        yield f"{owner}.{name}", found.methods[name], found.module, owner
    for base in found.bases:
        if base in code().classes:
            yield from _method(base, name)


def _imported(module: str, name: str, attribute: str | None) -> Iterator[_Found]:
    where, original = code().imports.get(module, {}).get(name, (module, name))
    if attribute is not None:
        where, original = f"{where}.{original}", attribute
    node = code().functions.get((where, original))
    if node is not None:
        yield f"{where}.{original}", node, where, None


def _arguments(node: ast.FunctionDef) -> list[ast.arg]:
    return [*node.args.args, *node.args.kwonlyargs]


def _imports(tree: ast.Module) -> Iterator[tuple[str, tuple[str, str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                yield each.asname or each.name, (node.module, each.name)


def _class(module: str, node: ast.ClassDef) -> Class:
    found = Class(module, bases=[_name(base) for base in node.bases])
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            found.fields[each.target.id] = _name(each.annotation)
        elif isinstance(each, ast.FunctionDef):
            found.methods[each.name] = each
            if each.name == "__init__":
                found.fields |= _assigned(each)
    return found


def _assigned(init: ast.FunctionDef) -> dict[str, str]:
    """The fields that `__init__` sets to one of its arguments, by the argument's class."""
    kinds = {a.arg: _name(a.annotation) for a in _arguments(init) if a.annotation}
    return {
        target.attr: kinds[each.value.id]
        for each in ast.walk(init)
        if isinstance(each, ast.Assign) and isinstance(each.value, ast.Name)
        for target in each.targets
        if isinstance(target, ast.Attribute) and each.value.id in kinds
    }


def _name(annotation: ast.expr) -> str:
    """The class that an annotation names: of `Links | None` it is Links."""
    match annotation:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
        case ast.BinOp(left=left, right=right):
            return _name(right) if _name(left) == "None" else _name(left)
        case ast.Subscript(value=ast.Name(id="Callable"), slice=ast.Tuple(elts=[_, returned])):
            # A part that is made when it is needed: `self.codes().require(…)`.
            return _name(returned)
        case ast.Subscript(value=value):
            return _name(value)
        case ast.Constant(value=None):
            return "None"
    return ""

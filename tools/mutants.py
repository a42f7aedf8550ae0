"""Changes of one place in a function, of the kinds that tests often miss.

A condition is negated, moved by one or dropped; a guard, a call, a keyword argument or an element
is left out; a constant differs. Text for the log stays, because no test reads it. Only the code of
functions is changed: the values of a module or class are computed before any test runs.
"""

from __future__ import annotations

import ast
import copy
import hashlib
import inspect
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

type Function = ast.FunctionDef | ast.AsyncFunctionDef

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_LOGGING = frozenset({"debug", "info", "warning", "error", "exception", "critical"})


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the function, and the lines of the change before and after it."""

    file: str
    """Below latchkey/, such as security/sealing.py."""
    function: str
    """Such as security.sealing.open_box, or flows.sign_in.SignIn.start."""
    before: str
    after: str
    source: str = field(repr=False, compare=False)
    """The file with the change."""


def mutants_of(file: str, source: str) -> list[Mutant]:
    """Return every mutant of a file, in the order of its lines."""
    text = source.encode()
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for name, function in functions_of(ast.parse(source)):
        for node, replacement in _changes(function):
            last_line, last_column = node.end_lineno or 0, node.end_col_offset or 0
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[last_line - 1] + last_column
            first, last = starts[node.lineno - 1], starts[last_line]
            changed = text[:start] + replacement.encode() + text[end:]
            before = _one_line(text[first:last])
            after = _one_line(changed[first : last + len(changed) - len(text)])
            path = ".".join(PurePath(file).with_suffix("").parts)
            found.append(Mutant(file, f"{path}.{name}", before, after, changed.decode()))
    return list(dict.fromkeys(mutant for mutant in found if mutant.before != mutant.after))


def mutant_by_hand(file: str, source: str, before: str, after: str) -> Mutant:
    """Return the mutant that replaces a text of a function. Raises ValueError."""
    changed = source.replace(before, after)
    pairs = zip(code_of(source), code_of(changed), strict=True)
    names = [old.co_qualname for old, new in pairs if old != new]
    if source.count(before) != 1 or not names:
        raise ValueError(f"{file} has this text {source.count(before)} times: {before}")
    path = ".".join(PurePath(file).with_suffix("").parts)
    return Mutant(file, f"{path}.{names[0]}", before, after, changed)


def sample(found: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """Draw mutants by a rank of their own, so that a change of a file redraws only its lines."""

    def rank(mutant: Mutant) -> bytes:
        text = f"{seed} {mutant.function} {mutant.before} {mutant.after}"
        return hashlib.sha256(text.encode()).digest()

    return sorted(found, key=rank)[:count]


def functions_of(module: ast.Module | ast.ClassDef) -> Iterator[tuple[str, Function]]:
    """Yield the functions of a module and of its classes by name, not those within functions."""
    for node in module.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name, node
            case ast.ClassDef():
                for name, function in functions_of(node):
                    yield f"{node.name}.{name}", function


def code_of(source: str) -> list[CodeType]:
    """Compile a file, and return the code of its functions, but not of those within them."""
    return list(_function_code(compile(source, "mutant", "exec", dont_inherit=True)))


def nested(code: CodeType) -> Iterator[CodeType]:
    """Yield the code of a function, and of the functions within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from nested(constant)


def _function_code(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if not isinstance(constant, type(code)):
            continue
        # The body of a class, and the scope of type parameters, are around functions.
        is_scope = constant.co_name.startswith("<generic parameters of ")
        if is_scope or not constant.co_flags & inspect.CO_NEWLOCALS:
            yield from _function_code(constant)
        else:
            yield constant


def _one_line(lines: bytes) -> str:
    return " ".join(lines.decode().split())


def _changes(function: Function) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    for statement in function.body:
        for node in _nodes(statement):
            if isinstance(node, ast.expr):
                for new in _expressions(node):
                    yield node, f"({ast.unparse(new)})"
            elif isinstance(node, ast.stmt):
                yield from _statements(node)


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what can be changed: no annotations, no defaults, no text for the log."""
    if _is_wording(node):
        return
    yield node
    skipped: tuple[str, ...] = ("annotation", "args", "decorator_list", "returns")
    if isinstance(node, ast.Call):
        skipped = ()
    for name, value in ast.iter_fields(node):
        if name in skipped:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.Constant) and isinstance(node, ast.JoinedStr | ast.Expr):
                continue
            if isinstance(child, ast.AST):
                yield from _nodes(child)


def _is_wording(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr=name)) if name in _LOGGING:
            return True
        case ast.Call(func=ast.Name(id="cast" | "ValueError" | "TypeError")):
            return True
        case ast.Expr(value=ast.Call() as call):
            return _is_wording(call)
        case ast.Assign(targets=[ast.Name(id="msg")]) | ast.keyword(arg="reason"):
            return True
        case ast.AnnAssign(value=None) | ast.JoinedStr(values=[ast.Constant()]):
            return True
    return False


def _expressions(node: ast.expr) -> Iterator[ast.expr]:
    yield from _conditions(node)
    yield from _values(node)
    match node:
        case ast.BinOp(left, op, right) if type(op) in _COMPUTED:
            yield ast.BinOp(left, _COMPUTED[type(op)](), right)
        case ast.Call(func, args, keywords):
            for argument in keywords:
                if argument.arg not in {None, "reason"}:
                    yield ast.Call(func, args, [kept for kept in keywords if kept is not argument])


def _conditions(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(ops=ops):
            yield from (_with_op(node, at, _COMPARED[type(op)]()) for at, op in enumerate(ops))
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.And() if isinstance(op, ast.Or) else ast.Or(), values)
            for dropped in values:
                yield ast.BoolOp(op, [value for value in values if value is not dropped])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), test), body, orelse)


def _values(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str(value)):
            yield ast.Constant(f"{value}X")
        case ast.Constant(value=bytes(value)):
            yield ast.Constant(value + b"X")
        case ast.List(elts, ast.Load()) | ast.Tuple(elts, ast.Load()) if len(elts) > 1:
            for dropped in elts:
                yield type(node)([kept for kept in elts if kept is not dropped], ast.Load())
        case ast.ListComp(elt, [loop]) | ast.GeneratorExp(elt, [loop]) if loop.ifs:
            yield type(node)(elt, [ast.comprehension(loop.target, loop.iter, [], loop.is_async)])


def _with_op(node: ast.Compare, at: int, op: ast.cmpop) -> ast.Compare:
    changed = copy.copy(node)
    changed.ops = [*node.ops[:at], op, *node.ops[at + 1 :]]
    return changed


def _statements(node: ast.stmt) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    match node:
        case ast.If(test, body):
            yield test, f"(not ({ast.unparse(test)}))"
            if isinstance(body[-1], ast.Return | ast.Raise | ast.Continue):
                yield test, "False"
        case ast.While(test):
            yield test, f"(not ({ast.unparse(test)}))"
        case ast.Raise():
            yield node, "pass"
        case ast.Expr(ast.Call()):
            yield node, "pass"
        case ast.Return(ast.expr() as value) if not isinstance(value, ast.Constant):
            yield node, "return None"
        case ast.AugAssign(target, op, value) if type(op) in _COMPUTED:
            yield node, ast.unparse(ast.AugAssign(target, _COMPUTED[type(op)](), value))

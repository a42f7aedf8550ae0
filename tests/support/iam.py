"""Decides requests by identity policies, as IAM documents it ("Policy evaluation logic").

It supports what our policies use, and raises for anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

type Context = Mapping[str, Sequence[str]]
"""The condition keys of a request, each with its values."""

_KNOWN = {"Sid", "Effect", "Action", "Resource", "Condition"}


def allows(
    statements: Iterable[Mapping[str, Any]], action: str, resource: str, context: Context
) -> bool:
    """Return whether a request is allowed: some statement allows it, and none denies it."""
    effects = {
        statement["Effect"]
        for statement in statements
        if matches(statement, action, resource, context)
    }
    return effects == {"Allow"}


def matches(statement: Mapping[str, Any], action: str, resource: str, context: Context) -> bool:
    """Return whether a statement is about a request."""
    if unknown := statement.keys() - _KNOWN:
        raise NotImplementedError(f"statements with {sorted(unknown)}")
    return (
        any(_like(pattern.lower(), action.lower()) for pattern in as_list(statement["Action"]))
        and any(_like(pattern, resource) for pattern in as_list(statement["Resource"]))
        and all(
            _holds(operator, key, as_list(expected), context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, expected in keys.items()
        )
    )


def as_list(value: Any) -> list[Any]:
    """Return a list as it is, and anything else as a list of one."""
    return value if isinstance(value, list) else [value]


def _holds(operator: str, key: str, expected: list[Any], context: Context) -> bool:
    # Names of condition keys are not case-sensitive; their values are.
    actual = {name.lower(): values for name, values in context.items()}.get(key.lower())
    patterns = [_text(value) for value in expected]
    if operator == "Null":
        (absent,) = patterns
        return (not actual) == (absent == "true")
    quantifier, _, name = operator.rpartition(":")
    base = name.removesuffix("IfExists")
    if base not in _OPERATORS:
        raise NotImplementedError(f"the condition operator {operator}")
    compare, negated = _OPERATORS[base]

    def one(value: str) -> bool:
        return any(compare(pattern, value) for pattern in patterns) != negated

    match quantifier:
        case "ForAllValues":
            return all(map(one, actual or ()))
        case "ForAnyValue":
            return any(map(one, actual or ()))
        case "":
            if not actual:
                # A negated operator is true for a key that the request does not have.
                return negated or name.endswith("IfExists")
            (value,) = actual
            return one(value)
    raise NotImplementedError(f"the condition operator {operator}")


def _text(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "${" in text:
        raise NotImplementedError("policy variables")
    return text


def _like(pattern: str, value: str) -> bool:
    _text(pattern)
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, value, re.DOTALL) is not None


def _arn_like(pattern: str, value: str) -> bool:
    # Each of an ARN's six parts is compared on its own.
    parts, actual = pattern.split(":", 5), value.split(":", 5)
    return len(parts) == len(actual) == 6 and all(map(_like, parts, actual))


def _equal(pattern: str, value: str) -> bool:
    return pattern == value


def _equal_bool(pattern: str, value: str) -> bool:
    return pattern.lower() == value.lower()


_OPERATORS: dict[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (_equal, False),
    "StringNotEquals": (_equal, True),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    "ArnEquals": (_arn_like, False),
    "ArnLike": (_arn_like, False),
    "ArnNotEquals": (_arn_like, True),
    "ArnNotLike": (_arn_like, True),
    "Bool": (_equal_bool, False),
}
"""How values are compared, and whether the operator is a negated one."""

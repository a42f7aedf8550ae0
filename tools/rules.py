"""Evaluates template.yaml's `Rules` as CloudFormation does before it changes a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tools.template import load

if TYPE_CHECKING:
    from collections.abc import Mapping


class RuleError(Exception):
    """A rule uses a function that CloudFormation does not support in rules."""


def broken(
    parameters: Mapping[str, str], template: Mapping[str, Any] | None = None
) -> dict[str, list[str]]:
    """Return why CloudFormation would refuse these parameters.

    parameters  given values; the others have their defaults

    Returns the messages of failed assertions, by rule. Raises RuleError.
    """
    template = template or load()
    values = {
        name: str(definition["Default"])
        for name, definition in template["Parameters"].items()
        if "Default" in definition
    } | dict(parameters)
    failures: dict[str, list[str]] = {}
    for name, rule in template.get("Rules", {}).items():
        if not _evaluate(rule.get("RuleCondition", True), values):
            continue
        sentences = [
            assertion["AssertDescription"]
            for assertion in rule["Assertions"]
            if not _evaluate(assertion["Assert"], values)
        ]
        if sentences:
            failures[name] = sentences
    return failures


def _evaluate(expression: Any, values: Mapping[str, str]) -> bool:
    """Evaluate a condition. Source: CloudFormation, "Rule-specific intrinsic functions"."""
    match expression:
        case bool():
            return expression
        case {"Fn::Equals": [left, right]}:
            return _value(left, values) == _value(right, values)
        case {"Fn::Contains": [[*allowed], value]}:
            return _value(value, values) in allowed
        case {"Fn::Not": [condition]}:
            return not _evaluate(condition, values)
        case {"Fn::And": [*conditions]}:
            return all(_evaluate(condition, values) for condition in conditions)
        case {"Fn::Or": [*conditions]}:
            return any(_evaluate(condition, values) for condition in conditions)
    msg = f"not a function of rules: {expression}"
    raise RuleError(msg)


def _value(expression: Any, values: Mapping[str, str]) -> str:
    match expression:
        case str():
            return expression
        case {"Ref": str(name)} if name in values:
            return values[name]
    msg = f"no value in rules: {expression}"
    raise RuleError(msg)

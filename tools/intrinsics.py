"""Resolves functions and conditions of template.yaml for given parameters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tools.template import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NO_VALUE = object()


class Resolver:
    """Resolves values as CloudFormation does.

    A resource's Ref is its logical id, and `A.B` stands for its attribute B, unless `attributes`
    says what they are.
    """

    def __init__(
        self,
        parameters: Mapping[str, str],
        attributes: Mapping[str, str] | None = None,
        template: Mapping[str, Any] | None = None,
    ) -> None:
        """Take parameters and attributes, such as `AWS::Region`; other parameters have defaults."""
        self._template = template or load()
        defaults = {
            name: str(definition["Default"])
            for name, definition in self._template["Parameters"].items()
            if "Default" in definition
        }
        self._values = {**defaults, **parameters, **(attributes or {})}

    def properties(self, name: str) -> dict[str, Any]:
        """Return a resource's properties, resolved."""
        resolved: dict[str, Any] = self.resolve(self._template["Resources"][name]["Properties"])
        return resolved

    def holds(self, condition: str) -> bool:
        """Return whether a condition of the template is true."""
        return self._test(self._template["Conditions"][condition])

    def resolve(self, node: Any) -> Any:
        """Resolve a value recursively. Entries with AWS::NoValue are removed."""
        match node:
            case {"Fn::If": [str(condition), yes, no]}:
                return self.resolve(yes if self.holds(condition) else no)
            case dict() if len(node) == 1 and (name := next(iter(node))) in self._functions:
                return self._functions[name](node[name])
            case dict():
                return self._pairs(node)
            case list():
                resolved = [self.resolve(each) for each in node]
                return [each for each in resolved if each is not _NO_VALUE]
        return node

    @property
    def _functions(self) -> dict[str, Callable[[Any], Any]]:
        return {
            "Ref": lambda name: _NO_VALUE if name == "AWS::NoValue" else self._value(name),
            "Fn::GetAtt": lambda name: self._value(
                name if isinstance(name, str) else ".".join(name)
            ),
            "Fn::Sub": self._substitute,
            "Fn::FindInMap": self._find,
            "Fn::Join": lambda arguments: arguments[0].join(self.resolve(arguments[1])),
            "Fn::Select": lambda arguments: self.resolve(arguments[1])[int(arguments[0])],
            "Fn::Split": lambda arguments: str(self.resolve(arguments[1])).split(arguments[0]),
        }

    def _pairs(self, node: dict[str, Any]) -> dict[str, Any]:
        unknown = [name for name in node if name.startswith("Fn::")]
        if unknown:
            msg = f"not resolved here: {unknown[0]}"
            raise NotImplementedError(msg)
        resolved = {name: self.resolve(value) for name, value in node.items()}
        return {name: value for name, value in resolved.items() if value is not _NO_VALUE}

    def _substitute(self, arguments: str | list[Any]) -> str:
        text, names = (arguments, {}) if isinstance(arguments, str) else arguments
        own = self.resolve(names)
        return re.sub(
            r"\$\{([\w.:]+)\}",
            lambda found: own[found[1]] if found[1] in own else self._value(found[1]),
            text,
        )

    def _find(self, arguments: list[Any]) -> Any:
        mapping, row, column = (self.resolve(each) for each in arguments)
        return self._template["Mappings"][mapping][row][column]

    def _value(self, name: str) -> str:
        return self._values.get(name, name)

    def _test(self, node: Any) -> bool:
        match node:
            case {"Condition": str(name)}:
                return self.holds(name)
            case {"Fn::Equals": [left, right]}:
                return str(self.resolve(left)) == str(self.resolve(right))
            case {"Fn::Not": [condition]}:
                return not self._test(condition)
            case {"Fn::And": [*conditions]}:
                return all(self._test(condition) for condition in conditions)
            case {"Fn::Or": [*conditions]}:
                return any(self._test(condition) for condition in conditions)
        msg = f"not a condition: {node}"
        raise NotImplementedError(msg)

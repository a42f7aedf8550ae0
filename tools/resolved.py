"""A template with its conditions decided and its references replaced, as for one deployed stack.

It knows the functions, pseudo parameters and attributes that our template uses, and refuses others.
Names that CloudFormation would make up are `<stack>-<logical id>`, unless the caller has them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_VARIABLE = re.compile(r"\$\{([^}!]+)\}")
_NO_VALUE = object()

_ARNS = {
    "AWS::DynamoDB::Table": "dynamodb:{where}:table/{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::Lambda::Function": "lambda:{where}:function:{name}",
    "AWS::Logs::LogGroup": "logs:{where}:log-group:{name}:*",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::SNS::Topic": "sns:{where}:{name}",
    "AWS::SQS::Queue": "sqs:{where}:{name}",
}
"""What `!GetAtt X.Arn` is, behind the partition."""


@dataclass(frozen=True)
class Stack:
    """Where a template is deployed, and with what.

    names  what resources are called, by logical id, where it is not `<stack>-<logical id>`
    """

    name: str = "latchkey"
    region: str = "eu-west-1"
    account: str = "123456789012"
    partition: str = "aws"
    parameters: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def resolved(template: Mapping[str, Any], stack: Stack) -> dict[str, Any]:
    """Return the resources that this stack has, with every property as CloudFormation sets it."""
    resolver = _Resolver(template, stack)
    return {
        logical_id: resolver.value(
            {key: part for key, part in resource.items() if key != "Condition"}
        )
        for logical_id, resource in template["Resources"].items()
        if "Condition" not in resource or resolver.condition(resource["Condition"])
    }


class _Resolver:
    def __init__(self, template: Mapping[str, Any], stack: Stack) -> None:
        self._template = template
        self._stack = stack
        defaults = {
            name: parameter["Default"]
            for name, parameter in template.get("Parameters", {}).items()
            if "Default" in parameter
        }
        self._parameters = {**defaults, **stack.parameters}
        self._pseudo: dict[str, Any] = {
            "AWS::AccountId": stack.account,
            "AWS::NoValue": _NO_VALUE,
            "AWS::Partition": stack.partition,
            "AWS::Region": stack.region,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Condition": self.condition,
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAtt": self._attribute,
            "Fn::If": self._if,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::Sub": self._substitute,
            "Ref": self._reference,
        }

    def value(self, value: Any) -> Any:
        if isinstance(value, list):
            items = [self.value(part) for part in value]
            return [part for part in items if part is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name in self._functions:
                return self._functions[name](argument)
            if name.startswith("Fn::"):
                raise LookupError(f"resolved.py has no {name}")
        parts = {key: self.value(part) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part is not _NO_VALUE}

    def _if(self, argument: Any) -> Any:
        condition, then, otherwise = argument
        return self.value(then if self.condition(condition) else otherwise)

    def _join(self, argument: Any) -> str:
        separator, parts = argument
        return str(separator).join(map(str, self.value(parts)))

    def _select(self, argument: Any) -> Any:
        index, parts = argument
        return self.value(parts)[int(index)]

    def _split(self, argument: Any) -> list[str]:
        separator, text = argument
        return str(self.value(text)).split(separator)

    def _find_in_map(self, argument: Any) -> Any:
        name, first, second = self.value(argument)
        return self._template["Mappings"][name][first][second]

    def condition(self, name: str) -> bool:
        return self._decide(self._template["Conditions"][name])

    def _decide(self, expression: Any) -> bool:
        match expression:
            case {"Fn::Equals": [left, right]}:
                return str(self.value(left)) == str(self.value(right))
            case {"Fn::Not": [part]}:
                return not self._decide(part)
            case {"Fn::And": parts}:
                return all(map(self._decide, parts))
            case {"Fn::Or": parts}:
                return any(map(self._decide, parts))
            case {"Condition": name}:
                return self.condition(name)
        raise LookupError(f"resolved.py cannot decide {expression}")

    def _reference(self, name: str) -> Any:
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._parameters:
            return self._parameters[name]
        if name not in self._template["Resources"]:
            raise LookupError(f"{name} is neither a parameter nor a resource")
        return self._name(name)

    def _name(self, logical_id: str) -> str:
        resource = self._template["Resources"][logical_id]
        name = self._stack.names.get(logical_id, f"{self._stack.name}-{logical_id}")
        return name.lower() if resource["Type"] == "AWS::S3::Bucket" else name

    def _attribute(self, attribute: Any) -> str:
        parts = attribute.split(".", 1) if isinstance(attribute, str) else attribute
        logical_id, name = parts[0], ".".join(parts[1:])
        kind = self._template["Resources"][logical_id]["Type"]
        if name == "Arn" and kind in _ARNS:
            return self._arn(kind, logical_id)
        if name == "StreamArn":
            return f"{self._arn('AWS::DynamoDB::Table', logical_id)}/stream/2026-01-01T00:00:00.000"
        if name in {"QueueName", "TopicName"}:
            return self._name(logical_id)
        return f"{self._name(logical_id)}.{name}"

    def _arn(self, kind: str, logical_id: str) -> str:
        where = f"{self._stack.region}:{self._stack.account}"
        rest = _ARNS[kind].format(
            where=where, account=self._stack.account, name=self._name(logical_id)
        )
        return f"arn:{self._stack.partition}:{rest}"

    def _substitute(self, text: Any) -> str:
        template, variables = (text, {}) if isinstance(text, str) else text
        values = {name: self.value(part) for name, part in variables.items()}

        def replacement(match: re.Match[str]) -> str:
            name = match[1]
            if name in values:
                return str(values[name])
            return str(self._attribute(name) if "." in name else self._reference(name))

        return _VARIABLE.sub(replacement, template)

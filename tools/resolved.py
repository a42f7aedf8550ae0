"""The transformed template of one stack, with names, ARNs and conditions resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tools.intrinsics import Resolver

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ARNS = {
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
}
"""`!GetAtt X.Arn`, without the partition."""


@dataclass(frozen=True)
class Stack:
    """The stack that a template is resolved for.

    names  physical names by logical id, where they are not `<stack>-<logical id>`
    """

    name: str = "latchkey"
    region: str = "eu-west-1"
    account: str = "123456789012"
    parameters: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def resolved(template: Mapping[str, Any], stack: Stack) -> dict[str, Any]:
    """Return the resources of this stack, with the properties that CloudFormation sets."""
    resolver = Resolver(stack.parameters, dict(_attributes(template, stack)), template)
    return {
        logical_id: {
            key: resolver.resolve(part) for key, part in resource.items() if key != "Condition"
        }
        for logical_id, resource in template["Resources"].items()
        if "Condition" not in resource or resolver.holds(resource["Condition"])
    }


def _attributes(template: Mapping[str, Any], stack: Stack) -> Iterator[tuple[str, str]]:
    yield "AWS::AccountId", stack.account
    yield "AWS::Partition", "aws"
    yield "AWS::Region", stack.region
    yield "AWS::StackName", stack.name
    yield "AWS::URLSuffix", "amazonaws.com"
    for logical_id, resource in template["Resources"].items():
        name = stack.names.get(logical_id, f"{stack.name}-{logical_id}")
        if resource["Type"] == "AWS::S3::Bucket":
            name = name.lower()
        yield logical_id, name
        yield f"{logical_id}.QueueName", name
        if resource["Type"] in _ARNS:
            rest = _ARNS[resource["Type"]].format(
                region=stack.region, account=stack.account, name=name
            )
            yield f"{logical_id}.Arn", f"arn:aws:{rest}"
            yield f"{logical_id}.StreamArn", f"arn:aws:{rest}/stream/2026-01-01T00:00:00.000"
        if resource["Type"] == "AWS::Lambda::Alias":
            alias = resource["Properties"]
            function = stack.names.get(alias["FunctionName"]["Ref"])
            function = function or f"{stack.name}-{alias['FunctionName']['Ref']}"
            rest = f"lambda:{stack.region}:{stack.account}:function:{function}:{alias['Name']}"
            yield logical_id, f"arn:aws:{rest}"

"""Checks the transformed template against the rules of AWS, for every profile.

`python -m tools.deployable` prints violations; `make check` runs it. After a release,
`python -m tools.deployable released` records the deployed tables.

A rule takes the resources of one stack, as `resolved` returns them, and returns a message for
each violation.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from tools.config_use import required, variables_of
from tools.resolved import Stack, resolved
from tools.rules import broken
from tools.template import ROOT, folder, functions, load
from tools.transformed import transformed_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

type Resources = Mapping[str, Any]
type Rule = Callable[[Resources], list[str]]

STACK_NAME = "a-stack-whose-name-is-rather-long"
"""A stack name longer than most, because names are a large part of a policy."""
REGION = "ap-southeast-7"

RELEASED_TABLES = ROOT / "tools/released_tables.json"

INLINE_POLICY_BYTES_MAX = 10_240
"""IAM quota, aggregate size of a role's inline policies without white space; not adjustable."""
RESOURCES_MAX = 450
"""CloudFormation's quota is 500 resources per template. The rest is for deployers."""
API_SECONDS_MAX = 29
"""API Gateway waits 30 seconds for the authorizer and the function together."""
STACK_WIDE = {
    "AWS::ApiGatewayV2::Api": ("Name",),
    "AWS::CloudWatch::Alarm": ("AlarmName",),
    "AWS::DynamoDB::Table": ("TableName",),
    "AWS::Events::Rule": ("Name",),
    "AWS::Lambda::Function": ("FunctionName",),
    "AWS::Lambda::LayerVersion": ("LayerName",),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::SES::ConfigurationSet": ("Name",),
    "AWS::SNS::Topic": ("TopicName",),
    "AWS::SQS::Queue": ("QueueName",),
    "AWS::SSM::Parameter": ("Name",),
}
"""Resource types whose names are unique per account and region, and the property with the name."""
ACCOUNT_WIDE = {
    "AWS::CloudFront::CachePolicy": ("CachePolicyConfig", "Name"),
    "AWS::CloudFront::Function": ("Name",),
    "AWS::CloudFront::OriginAccessControl": ("OriginAccessControlConfig", "Name"),
    "AWS::CloudFront::OriginRequestPolicy": ("OriginRequestPolicyConfig", "Name"),
    "AWS::CloudFront::ResponseHeadersPolicy": ("ResponseHeadersPolicyConfig", "Name"),
    "AWS::CloudWatch::Dashboard": ("DashboardName",),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName",),
    "AWS::IAM::Role": ("RoleName",),
    "AWS::S3::Bucket": ("BucketName",),
}
"""Resource types whose names are unique per account, or worldwide for buckets."""


def of_type(resources: Resources, kind: str) -> dict[str, Any]:
    """Return the properties of every resource of a type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in resources.items()
        if resource["Type"] == kind
    }


# Quotas ------------------------------------------------------------------------------------------


def no_managed_policies(resources: Resources) -> list[str]:
    """Roles have inline policies only: IAM attaches ten managed ones, and SAM's are broad."""
    attached = {
        name: role.get("ManagedPolicyArns", [])
        for name, role in of_type(resources, "AWS::IAM::Role").items()
    }
    return [
        *(f"{name} is a managed policy" for name in of_type(resources, "AWS::IAM::ManagedPolicy")),
        *(f"{name} has {len(arns)} managed policies" for name, arns in attached.items() if arns),
    ]


def inline_policies_fit(resources: Resources) -> list[str]:
    """A role's inline policies are within IAM's quota."""
    sizes: Counter[str] = Counter()
    for name, role in of_type(resources, "AWS::IAM::Role").items():
        sizes[name] = sum(_bytes(policy["PolicyDocument"]) for policy in role.get("Policies", []))
    for policy in of_type(resources, "AWS::IAM::Policy").values():
        for role in policy.get("Roles", []):
            sizes[role.removeprefix(f"{STACK_NAME}-")] += _bytes(policy["PolicyDocument"])
    return [
        f"{name} has {size} bytes of inline policies of {INLINE_POLICY_BYTES_MAX}"
        for name, size in sizes.items()
        if size >= INLINE_POLICY_BYTES_MAX
    ]


def _bytes(document: Any) -> int:
    return len(json.dumps(document, separators=(",", ":")).encode())


def resources_fit(resources: Resources) -> list[str]:
    """A stack has a limited number of resources."""
    count = len(resources)
    return [f"{count} resources of {RESOURCES_MAX}"] if count > RESOURCES_MAX else []


# Names -------------------------------------------------------------------------------------------


def names_are_unique(resources: Resources) -> list[str]:
    """Names differ from those of other stacks of the account, and of the same stack elsewhere."""
    return [
        f"{name}: {text!r} lacks the {' and the '.join(missing)}"
        for name, text, parts in _names(resources)
        if (missing := [what for what, part in parts.items() if part not in text])
    ]


def _names(resources: Resources) -> Iterator[tuple[str, str, dict[str, str]]]:
    stack = {"stack's name": STACK_NAME}
    for places, parts in (
        (STACK_WIDE, stack),
        (ACCOUNT_WIDE, {**stack, "region": REGION}),
    ):
        for kind, path in places.items():
            for name, properties in of_type(resources, kind).items():
                value = properties
                for key in path:
                    value = value.get(key, {})
                if value:
                    yield name, str(value), parts


# Monitoring --------------------------------------------------------------------------------------


def alarms_have_actions(resources: Resources) -> list[str]:
    """Every alarm has an action."""
    return [
        f"{name} has no action"
        for name, alarm in of_type(resources, "AWS::CloudWatch::Alarm").items()
        if not alarm.get("AlarmActions") or alarm.get("ActionsEnabled", True) is not True
    ]


def missing_invocations_have_alarms(resources: Resources) -> list[str]:
    """Functions on a schedule, a stream or a log have an alarm for missing invocations."""
    heard = {
        dimension["Value"]
        for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()
        if alarm.get("MetricName") == "Invocations" and alarm["TreatMissingData"] == "breaching"
        for dimension in alarm["Dimensions"]
        if dimension["Name"] == "FunctionName"
    }
    return [
        f"{name} has no alarm for missing invocations"
        for name in sorted(_driven(resources) - heard)
    ]


def _driven(resources: Resources) -> set[str]:
    """Return the functions that a schedule, a stream or a log invokes."""
    found = {
        target["Arn"].rpartition(":")[2]
        for rule in of_type(resources, "AWS::Events::Rule").values()
        if "ScheduleExpression" in rule
        for target in rule["Targets"]
    }
    for mapping in of_type(resources, "AWS::Lambda::EventSourceMapping").values():
        if "/stream/" in mapping["EventSourceArn"]:
            found.add(mapping["FunctionName"])
    for subscription in of_type(resources, "AWS::Logs::SubscriptionFilter").values():
        found.add(subscription["DestinationArn"].rpartition(":")[2])
    return found


# Functions ---------------------------------------------------------------------------------------


def routes_end_in_time(resources: Resources) -> list[str]:
    """A function of a route and its authorizer end before API Gateway's timeout."""
    timeouts = {
        f"{STACK_NAME}-{name}": properties["Timeout"]
        for name, properties in of_type(resources, "AWS::Lambda::Function").items()
    }
    found = set()
    for function, authorizers in _operations(resources):
        seconds = sum(timeouts[name] for name in (function, *authorizers))
        if seconds > API_SECONDS_MAX:
            found.add(f"{function} may take {seconds} s with its authorizer")
    return sorted(found)


def _operations(resources: Resources) -> Iterator[tuple[str, list[str]]]:
    for api in of_type(resources, "AWS::ApiGatewayV2::Api").values():
        # A route that asks for a signature has a scheme without a function.
        schemes = {
            name: scheme["x-amazon-apigateway-authorizer"]
            for name, scheme in api["Body"]["components"]["securitySchemes"].items()
            if "x-amazon-apigateway-authorizer" in scheme
        }
        for methods in api["Body"]["paths"].values():
            for operation in methods.values():
                if "x-amazon-apigateway-integration" not in operation:
                    continue  # settings of the whole path
                used = {name for entry in operation.get("security", []) for name in entry}
                authorizers = [
                    _function(schemes[name]["authorizerUri"])
                    for name in sorted(used & schemes.keys())
                ]
                yield _function(operation["x-amazon-apigateway-integration"]["uri"]), authorizers


def _function(uri: str) -> str:
    qualified = uri.rpartition(":function:")[2].removesuffix("/invocations")
    return qualified.partition(":")[0]


def variables_are_given(resources: Resources) -> list[str]:
    """A function has every variable that it reads, including those with a default in the code."""
    found = []
    lambdas = of_type(resources, "AWS::Lambda::Function")
    queues = {
        address: variable
        for properties in lambdas.values()
        for variable, address in properties["Environment"]["Variables"].items()
        if variable.startswith("QUEUE_URL_")
    }
    for name, properties in lambdas.items():
        given = properties["Environment"]["Variables"].keys()
        sends_to = {queues[queue] for queue in _sends_to(resources, name) if queue in queues}
        needed = required() | variables_of(folder(functions()[name])) | sends_to
        found += [f"{name} lacks {variable}" for variable in sorted(needed - given)]
    return found


def _sends_to(resources: Resources, function: str) -> set[str]:
    """Return the names of the queues that a function's role may send to."""
    return {
        arn.rpartition(":")[2]
        for policy in resources[f"{function}Role"]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "sqs:SendMessage"
        for arn in (
            statement["Resource"]
            if isinstance(statement["Resource"], list)
            else [statement["Resource"]]
        )
    }


# Tables ------------------------------------------------------------------------------------------


def at_most_one_index_changes(resources: Resources) -> list[str]:
    """Since the last release a table has at most one changed index, and the same keys.

    DynamoDB creates or deletes one index per update, and a table with other keys is a new one.
    """
    found = []
    present = tables(resources)
    for name, released in json.loads(RELEASED_TABLES.read_text()).items():
        table = present.get(name)
        if table is None or table["keys"] != released["keys"]:
            found.append(f"{name} would be replaced, and its items are lost")
            continue
        before, after = (set(map(json.dumps, t["indexes"].items())) for t in (released, table))
        # A changed index is deleted and created again.
        changes = len(before ^ after)
        if changes > 1:
            found.append(f"{name} has {changes} changes of indexes: release them one by one")
    return found


def tables(resources: Resources) -> dict[str, Any]:
    """Return the properties of tables that DynamoDB can't change freely."""
    return {
        name: {
            "keys": _keys(table, table["KeySchema"]),
            "indexes": {
                index["IndexName"]: {
                    "keys": _keys(table, index["KeySchema"]),
                    "projection": index["Projection"],
                }
                for index in table.get("GlobalSecondaryIndexes", [])
            },
        }
        for name, table in of_type(resources, "AWS::DynamoDB::Table").items()
    }


def _keys(table: Mapping[str, Any], schema: list[Mapping[str, str]]) -> list[str]:
    types = {
        entry["AttributeName"]: entry["AttributeType"] for entry in table["AttributeDefinitions"]
    }
    return [
        f"{key['KeyType']} {key['AttributeName']} {types[key['AttributeName']]}" for key in schema
    ]


RULES: tuple[Rule, ...] = (
    no_managed_policies,
    inline_policies_fit,
    resources_fit,
    names_are_unique,
    alarms_have_actions,
    missing_invocations_have_alarms,
    routes_end_in_time,
    variables_are_given,
    at_most_one_index_changes,
)


# Every profile -----------------------------------------------------------------------------------


def deployments() -> dict[str, dict[str, str]]:
    """Return the parameters of each kind of stack.

    Each profile with and without the page, and each profile for AWS also with gradual releases.
    """
    given = {"MailSender": "accounts@example.com"}
    page = {
        "with the page": {"ServePage": "on"},
        "without the page": {
            "ServePage": "off",
            "PublicUrl": "https://accounts.example.com",
            "EdgeSecret": "the-secret-of-a-cdn-of-ones-own",
        },
        "with gradual releases": {"ServePage": "on", "GradualReleases": "true"},
    }
    return {
        f"{profile} {what}": {"Profile": profile, **given, **parameters}
        for profile in load()["Mappings"]["Profiles"]
        for what, parameters in page.items()
        if profile != "local" or "GradualReleases" not in parameters
    }


def stacks() -> dict[str, dict[str, Any]]:
    """Transform and resolve the template for every kind of stack."""
    given = deployments()
    for name, parameters in given.items():
        if refused := broken(parameters):
            raise ValueError(f"{name}: {refused}")
    templates = transformed_all(list(given.values()))
    return {
        name: resolved(template, Stack(STACK_NAME, REGION, parameters=parameters))
        for (name, parameters), (template, _) in zip(given.items(), templates, strict=True)
    }


def main(arguments: list[str]) -> int:
    """Print violations, or record the tables of a release."""
    found = stacks()
    if arguments == ["released"]:
        shapes = tables(next(iter(found.values())))
        RELEASED_TABLES.write_text(json.dumps(shapes, indent=2) + "\n")
        return 0
    sentences = [
        f"{name}: {sentence}"
        for name, resources in found.items()
        for rule in RULES
        for sentence in rule(resources)
    ]
    for sentence in sentences:
        print(sentence, file=sys.stderr)
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

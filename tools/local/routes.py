"""Creates the routes of the HTTP API, which MiniStack's CloudFormation ignores.

SAM writes an HTTP API's routes and authorizers as an OpenAPI `Body`, which MiniStack does not
import. They are read from the processed template and created with API calls.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mypy_boto3_apigatewayv2 import ApiGatewayV2Client

    from tools.local.deployment import Deployment
    from tools.local.emulator import Emulator

METHODS = frozenset({"get", "post", "put", "patch", "delete", "head", "options"})


def import_routes(emulator: Emulator, deployment: Deployment) -> int:
    """Create integrations, authorizers and routes of the resource `Api`. Returns their number."""
    gateway: ApiGatewayV2Client = emulator.client("apigatewayv2")
    api_id = deployment.physical_ids["Api"]
    body = deployment.template["Resources"]["Api"]["Properties"]["Body"]
    function_arns = _function_arns(emulator, deployment)
    authorizers = {
        name: _create_authorizer(gateway, api_id, name, scheme, function_arns)
        for name, scheme in body.get("components", {}).get("securitySchemes", {}).items()
        if "x-amazon-apigateway-authorizer" in scheme
    }
    routes = [
        (f"{method.upper()} {path}", operation)
        for path, operations in body["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    ]
    for route_key, operation in routes:
        integration = operation["x-amazon-apigateway-integration"]
        integration_id = gateway.create_integration(
            ApiId=api_id,
            IntegrationType="AWS_PROXY",
            IntegrationUri=_invoked_function(integration["uri"], function_arns),
            PayloadFormatVersion=integration["payloadFormatVersion"],
        )["IntegrationId"]
        authorizer_id = _authorizer_of(operation, authorizers)
        gateway.create_route(
            ApiId=api_id,
            RouteKey=route_key,
            Target=f"integrations/{integration_id}",
            AuthorizationType="CUSTOM" if authorizer_id else _signature_or_none(operation),
            AuthorizerId=authorizer_id or "",
        )
    return len(routes)


def _create_authorizer(
    gateway: ApiGatewayV2Client,
    api_id: str,
    name: str,
    scheme: dict[str, Any],
    function_arns: dict[str, str],
) -> str:
    settings = scheme["x-amazon-apigateway-authorizer"]
    created = gateway.create_authorizer(
        ApiId=api_id,
        Name=name,
        AuthorizerType="REQUEST",
        AuthorizerUri=_invoked_function(settings["authorizerUri"], function_arns),
        AuthorizerPayloadFormatVersion=settings["authorizerPayloadFormatVersion"],
        AuthorizerResultTtlInSeconds=settings["authorizerResultTtlInSeconds"],
        EnableSimpleResponses=settings.get("enableSimpleResponses", False),
        IdentitySource=_identity_sources(settings),
    )
    return str(created["AuthorizerId"])


def _identity_sources(settings: dict[str, Any]) -> list[str]:
    sources = settings.get("identitySource", [])
    return [sources] if isinstance(sources, str) else list(sources)


def _authorizer_of(operation: dict[str, Any], authorizers: dict[str, str]) -> str | None:
    # SAM writes `NONE` for a route without the default authorizer. No scheme has that name.
    names = [name for requirement in operation.get("security", []) for name in requirement]
    return next((authorizers[name] for name in names if name in authorizers), None)


def _signature_or_none(operation: dict[str, Any]) -> Literal["AWS_IAM", "NONE"]:
    names = {name for requirement in operation.get("security", []) for name in requirement}
    return "AWS_IAM" if "AWS_IAM" in names else "NONE"


def _function_arns(emulator: Emulator, deployment: Deployment) -> dict[str, str]:
    configurations = emulator.client("lambda").get_paginator("list_functions").paginate()
    by_name = {
        function["FunctionName"]: function["FunctionArn"]
        for page in configurations
        for function in page["Functions"]
    }
    found = {
        logical_id: by_name[physical_id]
        for logical_id, physical_id in deployment.physical_ids.items()
        if physical_id in by_name
    }
    for logical_id, resource in deployment.template["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Alias":
            alias = resource["Properties"]
            found[logical_id] = f"{found[alias['FunctionName']['Ref']]}:{alias['Name']}"
    # A function of another stack is a parameter.
    return found | dict(deployment.parameters)


def _invoked_function(uri: dict[str, Any], function_arns: dict[str, str]) -> str:
    # An integration names a function in the text, functions/${LogoutFunction.Arn}/invocations, an
    # authorizer as a variable of the text, {"Fn::GetAtt": ["AuthorizerFunction", "Arn"]}. An alias
    # is a reference in either: ${LoginFunctionAliaslive}, {"Ref": "AuthorizerFunctionAliaslive"}.
    text = json.dumps(uri)
    patterns = (r"\$\{(\w+)\.Arn\}", r'"(\w+)", "Arn"\]', r"\$\{(\w+Alias\w+)\}", r'"Ref": "(\w+)"')
    for pattern in patterns:
        if match := re.search(pattern, text):
            return function_arns[match[1]]
    raise ValueError(f"no Lambda in {uri}")

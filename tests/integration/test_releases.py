"""Releases on the deployed stack: requests go through the aliases, and a deploy moves them."""

from __future__ import annotations

import contextlib

import pytest

from tests.support.api import error_code, once
from tests.support.function_settings import set_environment
from tools.local import deployment

# The functions that answer through an alias, with the route that shows it.
ROUTED = {
    "login": "POST /api/v1/auth/login",
    "refresh": "POST /api/v1/auth/refresh",
    "get_me": "GET /api/v1/users/me",
    "list_sessions": "GET /api/v1/users/me/sessions",
}
ALIASED = {*ROUTED, "authorizer", "service_authorizer"}


def versions(stack):
    """Return which version each function's alias names."""
    functions = stack.client("lambda")
    found = {}
    for operation in ALIASED:
        name = stack.deployment.function_name(operation)
        (alias,) = functions.list_aliases(FunctionName=name)["Aliases"]
        assert alias["Name"] == "live"
        found[operation] = alias["FunctionVersion"]
    return found


def variables(stack, operation, qualifier):
    configuration = stack.client("lambda").get_function_configuration(
        FunctionName=stack.deployment.function_name(operation), Qualifier=qualifier
    )
    return configuration["Environment"]["Variables"]


def test_the_api_invokes_the_aliases(stack):
    gateway = stack.client("apigatewayv2")
    api_id = stack.deployment.outputs["ApiId"]
    # Both lists come in pages.
    routes, integrations = (
        [
            item
            for page in gateway.get_paginator(name).paginate(ApiId=api_id)
            for item in page["Items"]
        ]
        for name in ("get_routes", "get_integrations")
    )
    uris = {item["IntegrationId"]: item["IntegrationUri"] for item in integrations}
    invoked = {item["RouteKey"]: uris[item["Target"].partition("/")[2]] for item in routes}
    for route in ROUTED.values():
        assert invoked[route].removesuffix("/invocations").endswith(":live")
    (authorizer,) = gateway.get_authorizers(ApiId=api_id)["Items"]
    assert authorizer["AuthorizerUri"].removesuffix("/invocations").endswith(":live")


@contextlib.contextmanager
def unpublished(stack, operation, **changed):
    """Change a function's environment, and no version of it."""
    functions = stack.client("lambda")
    name = stack.deployment.function_name(operation)
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**before, **changed}}
    )
    try:
        yield name
    finally:
        set_environment(functions, name, before)


@pytest.mark.parametrize(
    ("operation", "refusal"),
    [
        ("get_me", (403, "DIRECT_ACCESS_REFUSED")),
        # The authorizer passes no session on, and the operation finds none.
        ("authorizer", (503, "TEMPORARILY_UNAVAILABLE")),
    ],
)
def test_requests_are_answered_by_the_published_version(api, stack, operation, refusal):
    token = api.register().json()["data"]["access_token"]
    with unpublished(stack, operation, EDGE_SECRET="a secret that the edge does not send") as name:
        assert api.me(token).status_code == 200
        functions = stack.client("lambda")
        version = functions.publish_version(FunctionName=name)["Version"]
        functions.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
        refused = once(api).me(token)
        assert (refused.status_code, error_code(refused)) == refusal
    assert api.me(token).status_code == 200


@pytest.mark.timeout(600)
def test_changed_parameter_moves_every_alias_and_keeps_sessions(api, stack):
    """With another key epoch, which nothing but the parameter's value tells the functions."""
    pair = api.register().json()["data"]
    before = versions(stack)
    deployed = deployment.parameters(stack.emulator, stack.deployment.name)
    epoch = str(int(deployed["KeyEpoch"]) + 1)
    with deployment.building():
        deployment.change(stack.emulator, {"KeyEpoch": epoch})
    release = deployment.parameters(stack.emulator, stack.deployment.name)["Release"]
    after = versions(stack)
    assert {name for name in ALIASED if int(after[name]) > int(before[name])} == ALIASED
    for operation in ALIASED:
        found = variables(stack, operation, "live")
        assert (found["RELEASE"], found["KEY_EPOCH"]) == (release, epoch)
    refused = api.me(pair["access_token"])
    assert (refused.status_code, error_code(refused)) == (401, "TOKEN_INVALID")
    pair = api.refresh(pair["refresh_token"]).json()["data"]
    assert api.me(pair["access_token"]).status_code == 200

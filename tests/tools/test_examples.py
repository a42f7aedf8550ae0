"""The examples ask Latchkey on every request, and show its reasons where the door can."""

from __future__ import annotations

import importlib.util
import json
import re

import boto3
import pytest
import yaml
from moto import mock_aws

from latchkey.domain.errors import TemporarilyUnavailable, TokenInvalid, TokenMissing
from latchkey.http.errors import render_error
from tests.support import doors
from tests.support.person import ME, Person
from tests.support.service import InProcessService
from tools.resolved import Stack, resolved
from tools.template import ROOT, Loader, load
from tools.transformed import transformed_all

NOTES = ROOT / "examples/notes"
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:latchkey-ServiceAuthorizerFunction-1A2B"
TEMPLATE = yaml.load((NOTES / "template.yaml").read_text(), Loader=Loader)  # noqa: S506


@pytest.fixture(scope="module")
def resources():
    parameters = {"LatchkeyAuthorizerArn": ARN}
    [(template, _)] = transformed_all([parameters], TEMPLATE)
    return resolved(template, Stack(name="notes", parameters=parameters))


def of_type(resources, kind):
    return {n: r["Properties"] for n, r in resources.items() if r["Type"] == kind}


# The template ------------------------------------------------------------------------------------


def test_every_route_asks_the_authorizer_and_no_verdict_is_cached(resources):
    (api,) = of_type(resources, "AWS::ApiGatewayV2::Api").values()
    (scheme,) = api["Body"]["components"]["securitySchemes"].values()
    authorizer = scheme["x-amazon-apigateway-authorizer"]
    assert f"/functions/{ARN}/invocations" in str(authorizer["authorizerUri"])
    assert authorizer["type"] == "request"
    assert authorizer["authorizerPayloadFormatVersion"] == "2.0"
    assert authorizer["enableSimpleResponses"] is True
    assert authorizer["authorizerResultTtlInSeconds"] == 0
    routes = [operation for path in api["Body"]["paths"].values() for operation in path.values()]
    assert len(routes) == 2
    assert [route["security"] for route in routes] == [[{"Latchkey": []}]] * 2


def test_the_authorizer_is_called_as_latchkeys_own_api_calls_it():
    ours = load()["Resources"]["Api"]["Properties"]["Auth"]["Authorizers"]["SessionAuthorizer"]
    auth = TEMPLATE["Resources"]["Api"]["Properties"]["Auth"]
    theirs = auth["Authorizers"]["Latchkey"]
    assert auth["DefaultAuthorizer"] == "Latchkey"
    assert {**theirs, "FunctionArn": None} == {**ours, "FunctionArn": None}


def test_only_this_api_may_call_the_authorizer(resources):
    (permission,) = [
        properties
        for properties in of_type(resources, "AWS::Lambda::Permission").values()
        if properties["FunctionName"] == ARN
    ]
    assert permission["Principal"] == "apigateway.amazonaws.com"
    assert str(permission["SourceArn"]).endswith("notes-Api/authorizers/*")


def test_the_function_may_read_and_write_its_own_table_alone(resources):
    (role,) = of_type(resources, "AWS::IAM::Role").values()
    (policy,) = role["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["dynamodb:GetItem", "dynamodb:PutItem"]
    assert statement["Resource"].endswith(":table/notes-Table")


def test_the_output_that_the_readme_asks_for_exists():
    readme = (NOTES / "README.md").read_text()
    named = re.findall(r"OutputKey=='(\w+)'", readme)
    assert named == ["ServiceAuthorizerArn"]
    assert set(named) <= set(load()["Outputs"])
    assert set(re.findall(r"(\w+)=\"\$arn\"", readme)) == set(TEMPLATE["Parameters"])


# The handler, behind the real authorizer ---------------------------------------------------------


@pytest.fixture
def notes(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("TABLE_NAME", "notes")
    with mock_aws():
        table = TEMPLATE["Resources"]["Table"]["Properties"]
        boto3.client("dynamodb").create_table(
            TableName="notes",
            **{k: table[k] for k in ("BillingMode", "AttributeDefinitions", "KeySchema")},
        )
        spec = importlib.util.spec_from_file_location("notes_app", NOTES / "function/app.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module.handler


@pytest.fixture
def service():
    """Latchkey, whose authorizer is in the mode for other APIs."""
    return InProcessService(AUTHORIZER_MODE="deny")


@pytest.fixture
def ada(service):
    service.configure(authorizer_passes_reasons=True)
    return Person(service)


def call(service, notes, method, token, body=None):
    """Send a request as API Gateway does: the authorizer first, and 403 if it denies."""
    service.configure(authorizer_passes_reasons=False)
    event = json.loads((ROOT / "events/authorizer.json").read_text())
    event |= {"routeKey": f"{method} /note", "rawPath": "/note", "body": body}
    event["requestContext"]["http"] |= {"method": method, "path": "/note"}
    event["headers"] = {"authorization": f"Bearer {token}"}
    verdict = service._handler("authorizer")(event)
    service.configure(authorizer_passes_reasons=True)
    if not verdict["isAuthorized"]:
        return 403, {"message": "Forbidden"}
    event["requestContext"]["authorizer"] = {"lambda": verdict["context"]}
    answer = notes(event, None)
    return answer["statusCode"], json.loads(answer["body"])


def test_a_note_belongs_to_the_account_of_the_session(service, notes, ada):
    bob = Person(service, "bob@example.com")
    assert call(service, notes, "GET", ada.token) == (200, {"text": ""})
    assert call(service, notes, "PUT", ada.token, '{"text":"Buy milk"}')[0] == 200
    assert call(service, notes, "GET", ada.token) == (200, {"text": "Buy milk"})
    assert call(service, notes, "GET", bob.token) == (200, {"text": ""})


def test_a_device_that_is_signed_out_is_refused_on_its_next_request(service, notes, ada):
    phone = service.login(ada.email).data
    token = phone["access_token"]
    assert call(service, notes, "GET", token)[0] == 200
    assert ada.request("DELETE", f"{ME}/sessions/{phone['session']['id']}").status == 200
    assert call(service, notes, "GET", token) == (403, {"message": "Forbidden"})
    assert call(service, notes, "GET", ada.token)[0] == 200


@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
def test_a_request_without_a_session_does_not_reach_the_handler(service, notes, token):
    assert call(service, notes, "GET", token)[0] == 403


@pytest.mark.parametrize(
    "body",
    [
        *(None, "", "{", "[]", "42", '{"text":null}', '{"text":["x"]}', '{"note":"x"}'),
        '{"text":"\\ud800"}',
        json.dumps({"text": "x" * 10_001}),
    ],
)
def test_a_bad_body_is_refused_and_changes_nothing(service, notes, ada, body):
    call(service, notes, "PUT", ada.token, '{"text":"Buy milk"}')
    assert call(service, notes, "PUT", ada.token, body)[0] == 400
    assert call(service, notes, "GET", ada.token) == (200, {"text": "Buy milk"})


# The other front doors ---------------------------------------------------------------------------

DOORS = ROOT / "examples/doors"


@pytest.fixture(scope="module")
def stacks():
    """The transformed and resolved resources of every example, by its name."""
    parameters = {"LatchkeyAuthorizerArn": ARN}
    found = {}
    for path in sorted(DOORS.glob("*.yaml")):
        template = yaml.load(path.read_text(), Loader=Loader)  # noqa: S506
        [(template, _)] = transformed_all([parameters], template)
        found[path.stem] = resolved(template, Stack(name="door", parameters=parameters))
    return found


def scheme_of(body, name="Latchkey"):
    schemes = body.get("securityDefinitions") or body["components"]["securitySchemes"]
    return schemes[name]["x-amazon-apigateway-authorizer"]


def test_no_door_caches_a_verdict(stacks):
    (http,) = of_type(stacks["http-1.0"], "AWS::ApiGatewayV2::Api").values()
    (rest,) = of_type(stacks["rest"], "AWS::ApiGateway::RestApi").values()
    for authorizer in (
        scheme_of(http["Body"]),
        scheme_of(rest["Body"]),
        scheme_of(rest["Body"], "LatchkeyToken"),
    ):
        assert authorizer["authorizerResultTtlInSeconds"] == 0
        assert f"/functions/{ARN}/invocations" in str(authorizer["authorizerUri"])
    (graphql,) = of_type(stacks["appsync"], "AWS::AppSync::GraphQLApi").values()
    settings = graphql["LambdaAuthorizerConfig"]
    assert settings == {"AuthorizerUri": ARN, "AuthorizerResultTtlInSeconds": 0}
    # API Gateway never caches the answers of a WebSocket API's authorizer.
    (socket,) = of_type(stacks["websocket"], "AWS::ApiGatewayV2::Authorizer").values()
    assert "AuthorizerResultTtlInSeconds" not in socket


def test_every_route_of_every_door_asks_the_authorizer(stacks):
    (http,) = of_type(stacks["http-1.0"], "AWS::ApiGatewayV2::Api").values()
    (rest,) = of_type(stacks["rest"], "AWS::ApiGateway::RestApi").values()
    asked = [
        operation.get("security")
        for body in (http["Body"], rest["Body"])
        for path in body["paths"].values()
        for operation in path.values()
    ]
    names = sorted(name for (requirement,) in asked for name in requirement)
    assert names == ["Latchkey", "Latchkey", "LatchkeyToken"]
    connect = [
        route
        for route in of_type(stacks["websocket"], "AWS::ApiGatewayV2::Route").values()
        if route["RouteKey"] == "$connect"
    ]
    assert [route["AuthorizationType"] for route in connect] == ["CUSTOM"]
    (graphql,) = of_type(stacks["appsync"], "AWS::AppSync::GraphQLApi").values()
    assert graphql["AuthenticationType"] == "AWS_LAMBDA"
    assert "AdditionalAuthenticationProviders" not in graphql


def test_every_door_may_call_the_authorizer_and_nothing_else_may(stacks):
    principals = {
        name: {
            permission["Principal"]
            for permission in of_type(resources, "AWS::Lambda::Permission").values()
            if permission["FunctionName"] == ARN
        }
        for name, resources in stacks.items()
    }
    gateway = {"apigateway.amazonaws.com"}
    assert principals == {
        "appsync": {"appsync.amazonaws.com"},
        "http-1.0": gateway,
        "rest": gateway,
        "websocket": gateway,
    }
    for resources in stacks.values():
        for permission in of_type(resources, "AWS::Lambda::Permission").values():
            assert permission.get("SourceArn"), permission


def answered(response, context):
    """Return the body of a gateway response, as API Gateway inserts the context."""
    (template,) = response["responseTemplates"].values()
    return json.loads(
        re.sub(r"\$context\.([A-Za-z_.]+)", lambda name: str(context.get(name[1], "")), template)
    )


def test_a_rest_api_answers_with_the_reason_of_the_authorizer(stacks, service):
    (api,) = of_type(stacks["rest"], "AWS::ApiGateway::RestApi").values()
    responses = api["Body"]["x-amazon-apigateway-gateway-responses"]
    service.configure(authorizer_passes_reasons=False)
    verdict = service._handler("authorizer")(doors.rest_request("Bearer a.b.c"))
    context = {f"authorizer.{name}": text for name, text in verdict["context"].items()}
    context["requestId"] = "r-1"
    service.configure(authorizer_passes_reasons=True)

    for kind, error in [
        ("ACCESS_DENIED", TokenInvalid()),
        ("UNAUTHORIZED", TokenMissing()),
        ("AUTHORIZER_FAILURE", TemporarilyUnavailable(retry_after_seconds=2)),
        ("AUTHORIZER_CONFIGURATION_ERROR", TemporarilyUnavailable(retry_after_seconds=2)),
    ]:
        ours = render_error(error, "r-1")
        response = responses[kind]
        assert answered(response, context) == json.loads(ours["body"]), kind
        assert int(response["statusCode"]) == ours["statusCode"]
        headers = {
            name.removeprefix("gatewayresponse.header.").lower(): value.strip("'")
            for name, value in response["responseParameters"].items()
        }
        for name, value in headers.items():
            assert ours["headers"][name].startswith(value), kind
        assert headers

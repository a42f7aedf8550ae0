"""The examples of every front door of AWS, deployed beside Latchkey.

A device signs in, calls, is signed out, and is refused on its next request.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import pytest
import yaml
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.support.api import Api, a_fresh_address
from tools.local import deployment, routes
from tools.template import ROOT, Loader

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = ROOT / "examples/doors"
SESSIONS = "/api/v1/users/me/sessions"
# MiniStack does not know these types.
UNKNOWN = {"AWS::ApiGatewayV2::RouteResponse"}

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a client gets without a session. None: the body is not ours to choose."""

    status: int
    code: str | None = None


class Doors:
    """The deployed examples, and how a client calls each."""

    def __init__(self, stack: Any) -> None:
        self._stack = stack
        self._emulator = stack.emulator
        authorizer = stack.deployment.outputs["ServiceAuthorizerArn"]
        names = ("http-1.0", "rest", "websocket", "appsync")
        self._deployed = {name: self._deploy(name, authorizer) for name in names}
        assert routes.import_routes(self._emulator, self._deployed["http-1.0"]) == 1
        self._put_gateway_responses()

    def _deploy(self, name: str, authorizer: str) -> deployment.Deployment:
        template = yaml.load((EXAMPLES / f"{name}.yaml").read_text(), Loader=Loader)  # noqa: S506
        template["Resources"] = {
            logical_id: resource
            for logical_id, resource in template["Resources"].items()
            if resource["Type"] not in UNKNOWN
        }
        given = {"LatchkeyAuthorizerArn": authorizer}
        stack_name = f"door-{name.replace('.', '-')}"
        return deployment.deploy_text(self._emulator, json.dumps(template), stack_name, given)

    def _put_gateway_responses(self) -> None:
        """MiniStack drops those of an imported API, and a deployment has those of its time."""
        gateway, rest = self._stack.client("apigateway"), self._deployed["rest"]
        api_id = rest.outputs["ApiId"]
        body = rest.template["Resources"]["Api"]["Properties"]["Body"]
        for kind, response in body["x-amazon-apigateway-gateway-responses"].items():
            gateway.put_gateway_response(
                restApiId=api_id,
                responseType=kind,
                statusCode=str(response["statusCode"]),
                responseParameters=response["responseParameters"],
                responseTemplates=response["responseTemplates"],
            )
        gateway.create_deployment(restApiId=api_id, stageName="prod")

    def http_1(self, token: str | None) -> tuple[int, Any, Any]:
        """GET /me of the HTTP API."""
        host = urlsplit(self._deployed["http-1.0"].outputs["Url"]).netloc
        return self._get(host, "/me", token)

    def rest_request(self, token: str | None) -> tuple[int, Any, Any]:
        """GET /me of the REST API, REQUEST."""
        return self._get(self._host("rest"), "/prod/me", token)

    def rest_token(self, token: str | None) -> tuple[int, Any, Any]:
        """GET /me-by-token of the REST API, TOKEN."""
        return self._get(self._host("rest"), "/prod/me-by-token", token)

    def app_sync(self, token: str | None) -> tuple[int, Any, Any]:
        """Query `me`. The token has no scheme, as AppSync recommends."""
        api_id = self._deployed["appsync"].outputs["ApiId"]
        answer = Api(self._stack.emulator_url).call(
            "POST",
            f"/v1/apis/{api_id}/graphql",
            headers={"authorization": token or ""},
            json={"query": "{ me { account_id } }"},
        )
        body = answer.json()
        return answer.status_code, body["data"]["me"] if "data" in body else body, answer.headers

    def web_socket(self, token: str | None) -> tuple[int, Any, Any]:
        """Connect, send a message and read its answer."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return asyncio.run(self._connect(headers))

    async def _connect(self, headers: dict[str, str]) -> tuple[int, Any, Any]:
        url = f"{self._stack.emulator_url}/prod"
        headers["host"] = self._host("websocket")
        async with aiohttp.ClientSession() as client:
            try:
                async with client.ws_connect(url, headers=headers) as socket:
                    await socket.send_json({"action": "me"})
                    return 200, await socket.receive_json(timeout=60), {}
            except aiohttp.WSServerHandshakeError as refused:
                return refused.status, None, refused.headers or {}

    def _host(self, name: str) -> str:
        port = self._emulator.port
        return f"{self._deployed[name].outputs['ApiId']}.execute-api.localhost:{port}"

    def _get(self, host: str, path: str, token: str | None) -> tuple[int, Any, Any]:
        answer = Api(self._stack.emulator_url, host=host).call("GET", path, token=token)
        return answer.status_code, answer.json(), answer.headers


@pytest.fixture(scope="module")
def doors(stack):
    return Doors(stack)


@pytest.fixture(scope="module")
def ada(api):
    """A person's address, id, and the token of one device."""
    email = a_fresh_address()
    data = api.register(email).json()["data"]
    return email, data["user"]["id"], data["access_token"]


# MiniStack leaves `$context.authorizer.x` in a template as it is. AWS replaces it:
# tests/tools/test_examples.py resolves the templates.
REASON = "$context.authorizer.auth_error"
EVERY: list[tuple[Callable[..., Any], Refusal, Refusal]] = [
    (Doors.http_1, Refusal(403), Refusal(403)),
    (Doors.rest_request, Refusal(401, REASON), Refusal(401, REASON)),
    (Doors.rest_token, Refusal(401, REASON), Refusal(401, "TOKEN_MISSING")),
    (Doors.web_socket, Refusal(403), Refusal(403)),
    (Doors.app_sync, Refusal(401), Refusal(401)),
]


@pytest.mark.parametrize("door", EVERY, ids=lambda door: door[0].__name__)
def test_a_device_is_refused_on_the_request_after_its_revocation(doors, api, ada, door):
    call, revoked, missing = door
    email, account_id, token = ada
    phone = api.login(email).json()["data"]
    status, body, _ = call(doors, phone["access_token"])
    assert (status, body) == (200, {"account_id": account_id})

    signed_out = api.call("DELETE", f"{SESSIONS}/{phone['session']['id']}", token=token)
    assert signed_out.status_code == 200
    for sent, expected in [(phone["access_token"], revoked), ("a.b.c", revoked), (None, missing)]:
        status, body, headers = call(doors, sent)
        assert status == expected.status, body
        if expected.code is not None:
            assert body["error"]["code"] == expected.code
            assert headers["www-authenticate"].startswith("Bearer")
    assert call(doors, token)[0] == 200


# Introspection -----------------------------------------------------------------------------------


class Backend:
    """A backend elsewhere with a role of AWS, which signs its requests."""

    def __init__(self, stack: Any, name: str, *, allowed: bool) -> None:
        self._stack = stack
        iam = stack.client("iam")
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))["Role"]
        if allowed:
            api = f"arn:aws:execute-api:*:*:{stack.deployment.outputs['ApiId']}"
            resource = f"{api}/*/POST/api/v1/auth/introspect"
            statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=_policy(statement))
        found = stack.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="backend")
        given = found["Credentials"]
        self._credentials = Credentials(
            given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
        )

    def introspect(self, token: str, *, signed: bool = True) -> Any:
        """Send the token, and return the answer."""
        request = AWSRequest(
            "POST",
            f"{self._stack.api_url}/api/v1/auth/introspect",
            headers={"content-type": "application/x-www-form-urlencoded"},
            data=urlencode({"token": token}),
        )
        if signed:
            SigV4Auth(self._credentials, "execute-api", "eu-west-1").add_auth(request)
        api = Api(self._stack.emulator_url, host=urlsplit(self._stack.api_url).netloc)
        headers = dict(request.headers.items())
        return api.call("POST", "/api/v1/auth/introspect", headers=headers, content=request.data)


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_backend_with_a_role_sees_the_revocation(stack, api, ada):
    email, account_id, token = ada
    backend = Backend(stack, "introspects", allowed=True)
    phone = api.login(email).json()["data"]
    active = backend.introspect(phone["access_token"])
    assert active.status_code == 200, active.text
    assert active.headers["cache-control"] == "no-store"
    found = active.json()
    assert (found["active"], found["sub"]) == (True, account_id)
    assert found["sid"] == phone["session"]["id"]

    assert backend.introspect(phone["access_token"], signed=False).status_code == 403
    stranger = Backend(stack, "may-not-introspect", allowed=False)
    assert stranger.introspect(phone["access_token"]).status_code == 403

    api.call("DELETE", f"{SESSIONS}/{phone['session']['id']}", token=token)
    assert backend.introspect(phone["access_token"]).json() == {"active": False}


def test_the_metadata_leads_to_the_keys(stack, api):
    found = api.call("GET", "/.well-known/openid-configuration")
    assert found.headers["cache-control"] == "public, max-age=300"
    metadata = found.json()
    assert metadata["issuer"] == stack.base_url
    keys = Api(metadata["jwks_uri"]).call("GET", "")
    assert keys.json()["keys"]
    assert metadata["introspection_endpoint"].endswith("/api/v1/auth/introspect")
    also = api.call("GET", "/.well-known/oauth-authorization-server")
    assert also.json() == metadata

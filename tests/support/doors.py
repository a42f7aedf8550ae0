"""The events with which the front doors of AWS call an authorizer, and what its answer means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.iam import allows

if TYPE_CHECKING:
    from collections.abc import Callable

API = "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234"
ADDRESS = "198.51.100.9"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

type Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """One kind of API.

    event     makes the event of a request with this `Authorization`; None: it has no such header
    resource  the ARN that the gateway looks up in the policy; None for doors without policies
    fails     an exception becomes a 500 of the gateway
    """

    name: str
    event: Callable[[str | None], Event]
    resource: str | None
    fails: bool

    def admits(self, answer: Any, resource: str | None = None) -> bool:
        """Return whether the gateway forwards the request after this answer."""
        if self.resource is None:
            assert isinstance(answer["isAuthorized"], bool)
            return bool(answer["isAuthorized"])
        statements = answer.get("policyDocument", {}).get("Statement", [])
        return allows(statements, "execute-api:Invoke", resource or self.resource, {})

    def context(self, answer: Any) -> dict[str, str]:
        """Return what the door hands on."""
        found: dict[str, str] = answer["resolverContext" if self.name == "AppSync" else "context"]
        return found


def http_2(authorization: str | None) -> Event:
    """An HTTP API, payload 2.0."""
    return {
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": f"{API}/$default/GET/note",
        "identitySource": [authorization],
        "routeKey": "GET /note",
        "rawPath": "/note",
        "headers": {"user-agent": AGENT, **_header("authorization", authorization)},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdef1234",
            "http": {"method": "GET", "path": "/note", "sourceIp": ADDRESS, "userAgent": AGENT},
            "requestId": "http-2",
            "stage": "$default",
        },
    }


def http_1(authorization: str | None) -> Event:
    """An HTTP API, payload 1.0."""
    return {
        "version": "1.0",
        "identitySource": authorization or "",
        "authorizationToken": authorization or "",
        **_request(f"{API}/$default/GET/note", "Authorization", authorization, "http-1"),
    }


def rest_request(authorization: str | None) -> Event:
    """A REST API, REQUEST."""
    return _request(f"{API}/prod/GET/note", "Authorization", authorization, "rest")


def rest_token(authorization: str | None) -> Event:
    """A REST API, TOKEN. Without the header it would not call the authorizer."""
    arn = f"{API}/prod/GET/note"
    return {"type": "TOKEN", "authorizationToken": authorization or "", "methodArn": arn}


def web_socket(authorization: str | None) -> Event:
    """A WebSocket API, $connect."""
    event = _request(f"{API}/prod/$connect", "Authorization", authorization, "socket")
    for name in ("resource", "path", "httpMethod", "pathParameters"):
        del event[name]
    event["requestContext"] |= {
        "routeKey": "$connect",
        "eventType": "CONNECT",
        "messageDirection": "IN",
        "connectionId": "abc=",
    }
    return event


def app_sync(authorization: str | None) -> Event:
    """AppSync. Its clients send the token without the scheme."""
    return {
        "authorizationToken": (authorization or "").removeprefix("Bearer "),
        "requestContext": {
            "apiId": "abcdef1234",
            "accountId": "123456789012",
            "requestId": "app-sync",
            "queryString": "query { note }",
            "operationName": None,
            "variables": {},
        },
        "requestHeaders": {"user-agent": AGENT, **_header("authorization", authorization)},
    }


def _request(arn: str, name: str, authorization: str | None, request_id: str) -> Event:
    headers = {"User-Agent": AGENT, "Host": "api.test", **_header(name, authorization)}
    return {
        "type": "REQUEST",
        "methodArn": arn,
        "resource": "/note",
        "path": "/note",
        "httpMethod": "GET",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "apiId": "abcdef1234",
            "accountId": "123456789012",
            "requestId": request_id,
            "identity": {"sourceIp": ADDRESS, "userAgent": AGENT},
        },
    }


def _header(name: str, value: str | None) -> dict[str, str]:
    return {} if value is None else {name: value}


HTTP_2 = FrontDoor("HTTP API 2.0", http_2, None, fails=False)
HTTP_1 = FrontDoor("HTTP API 1.0", http_1, f"{API}/$default/GET/note", fails=True)
REST_REQUEST = FrontDoor("REST REQUEST", rest_request, f"{API}/prod/GET/note", fails=True)
REST_TOKEN = FrontDoor("REST TOKEN", rest_token, f"{API}/prod/GET/note", fails=True)
WEB_SOCKET = FrontDoor("WebSocket", web_socket, f"{API}/prod/$connect", fails=True)
APP_SYNC = FrontDoor("AppSync", app_sync, None, fails=False)
EVERY = (HTTP_2, HTTP_1, REST_REQUEST, REST_TOKEN, WEB_SOCKET, APP_SYNC)

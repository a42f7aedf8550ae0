"""The front doors of AWS beside this API: how each asks for a decision, and how it is answered.

HTTP APIs with payload 1.0, REST APIs (TOKEN and REQUEST), WebSocket APIs (`$connect`) and AppSync.
An event is recognized by its shape, and an unknown shape is refused. Payload 2.0 is in
`http/authorizer.py`, which loads this module only for another event.

A door of API Gateway gets a policy for its whole API. If an API caches results by mistake, a cached
policy then fits every route.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any, override

from latchkey.config import WebSocketToken
from latchkey.domain.errors import TokenInvalid
from latchkey.domain.session import Use
from latchkey.http.auth import caller_context
from latchkey.http.errors import CATALOGUE
from latchkey.http.request import shown_user_agent

if TYPE_CHECKING:
    from latchkey.config import Config
    from latchkey.domain.errors import DomainError
    from latchkey.domain.request import Caller
    from latchkey.http.request import Event

_METHOD_ARN = re.compile(
    r"(arn:aws[a-z-]*:execute-api:[a-z0-9-]{1,32}:[0-9]{12}:[A-Za-z0-9]{1,32})/[^*?/]+(/.*)?",
    re.DOTALL,
)
_PROTOCOL_PREFIX = "latchkey.bearer."
_QUERY_PARAMETER = "access_token"
"""Source: RFC 6750 section 2.3."""


class Door:
    """An event of no known shape. It is refused."""

    fails = False
    """Whether the invocation fails if no decision is possible. The gateway then answers 500, which
    a gateway response can turn into a 503. A refusal would send people to the sign-in."""

    def __init__(self, event: Any) -> None:
        """Read this event. Any value is accepted."""
        self._event = event
        self._context = _mapping(_mapping(event).get("requestContext"))

    @property
    def request_id(self) -> str:
        """The gateway's id of the request; empty if the event has none."""
        return _text(self._context.get("requestId")) or ""

    def authorization(self, config: Config) -> str | None:
        """Return the value of `Authorization`, or None. Raises TokenInvalid if it is ambiguous."""
        del config
        raise TokenInvalid(reason="event")

    def use(self, config: Config) -> Use | None:
        """Return the network and the client of the request; None if the event does not say."""
        del config
        return None

    def user_agent(self) -> str:
        """Return the user agent; empty if the event does not have it."""
        return ""

    def allow(self, caller: Caller) -> Event:
        """Return the answer to an authenticated request."""
        del caller
        return self.refuse(TokenInvalid())

    def refuse(self, error: DomainError) -> Event:
        """Return the answer to any other request."""
        del error
        # It has no policy, so API Gateway refuses it too.
        return {"isAuthorized": False, "context": {}}


class _Gateway(Door):
    """A door of API Gateway that is answered with a policy."""

    fails = True

    def __init__(self, event: Event, api_arn: str) -> None:
        super().__init__(event)
        self._api_arn = api_arn

    @override
    def allow(self, caller: Caller) -> Event:
        return self._answer("Allow", caller.account_id, caller_context(caller))

    @override
    def refuse(self, error: DomainError) -> Event:
        return self._answer("Deny", "unauthenticated", _reason(error))

    def _answer(self, effect: str, principal: str, context: dict[str, str]) -> Event:
        statement = {
            "Action": "execute-api:Invoke",
            "Effect": effect,
            "Resource": f"{self._api_arn}/*",
        }
        return {
            "principalId": principal,
            "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
            "context": context,
        }


class _Token(_Gateway):
    """A REST API with an authorizer of the type TOKEN. Its event has the token alone."""

    @override
    def authorization(self, config: Config) -> str | None:
        del config
        return _one([self._event["authorizationToken"]])


class _Request(_Gateway):
    """A REST API with an authorizer of the type REQUEST, or an HTTP API with payload 1.0."""

    @override
    def authorization(self, config: Config) -> str | None:
        del config
        return self._header("authorization")

    @override
    def use(self, config: Config) -> Use | None:
        del config
        address = _text(_mapping(self._context.get("identity")).get("sourceIp")) or ""
        try:
            address = ipaddress.ip_address(address).compressed
        except ValueError:
            return None
        return Use.at(address, self.user_agent(), None)

    @override
    def user_agent(self) -> str:
        agents = self._values("headers", "user-agent")
        return shown_user_agent({"user-agent": (_text(agents[0]) if agents else None) or ""})

    def _header(self, name: str) -> str | None:
        """Return a header that may be sent once. `headers` has only the last of several."""
        return _one(self._values("multiValueHeaders", name) or self._values("headers", name))

    def _values(self, field: str, name: str) -> list[Any]:
        found: list[Any] = []
        for key, value in _mapping(self._event.get(field)).items():
            if isinstance(key, str) and key.lower() == name:
                found += value if isinstance(value, list) else [value]
        return found


class _Connect(_Request):
    """A WebSocket API. Browsers can't send `Authorization`, so two more places can be allowed.

    Only one of them may have a token: RFC 6750 section 2.
    """

    @override
    def authorization(self, config: Config) -> str | None:
        sent = [self._header("authorization")]
        if config.web_socket_token is WebSocketToken.PROTOCOL:
            sent.append(self._protocol_token())
        elif config.web_socket_token is WebSocketToken.QUERY:
            sent.append(self._query_token())
        return _one([each for each in sent if each is not None])

    def _protocol_token(self) -> str | None:
        offered = self._values("multiValueHeaders", "sec-websocket-protocol")
        offered = offered or self._values("headers", "sec-websocket-protocol")
        names = [name.strip(" \t") for each in offered for name in (_text(each) or "").split(",")]
        tokens = [name for name in names if name.startswith(_PROTOCOL_PREFIX)]
        token = _one(tokens)
        return None if token is None else f"Bearer {token.removeprefix(_PROTOCOL_PREFIX)}"

    def _query_token(self) -> str | None:
        every = self._values("multiValueQueryStringParameters", _QUERY_PARAMETER)
        token = _one(every or self._values("queryStringParameters", _QUERY_PARAMETER))
        return None if token is None else f"Bearer {token}"


class _AppSync(Door):
    """AppSync, GraphQL. Its clients may send the token without `Bearer`."""

    @override
    def authorization(self, config: Config) -> str | None:
        del config
        token = (_one([self._event["authorizationToken"]]) or "").strip(" \t")
        # AppSync recommends it without the scheme: with it, an OpenID Connect mode of the same API
        # would claim the request.
        return f"Bearer {token}" if token and " " not in token else token

    @override
    def allow(self, caller: Caller) -> Event:
        return _graphql(allowed=True, context=caller_context(caller))

    @override
    def refuse(self, error: DomainError) -> Event:
        return _graphql(allowed=False, context=_reason(error))


def door_of(event: Any) -> Door:
    """Recognize the door of an event by its shape."""
    if not isinstance(event, dict):
        return Door(event)
    context = event.get("requestContext")
    if "methodArn" not in event:
        return _AppSync(event) if _is_app_sync(event, context) else Door(event)
    arn = _METHOD_ARN.fullmatch(_text(event["methodArn"]) or "")
    if arn is None:
        return Door(event)
    match event.get("type"), event.get("version"):
        case "TOKEN", None if "authorizationToken" in event:
            return _Token(event, arn[1])
        # An HTTP API says 1.0; a REST API and a WebSocket API have no version.
        case "REQUEST", None | "1.0" if isinstance(context, dict):
            if context.get("eventType") == "CONNECT" and context.get("routeKey") == "$connect":
                return _Connect(event, arn[1])
            # A message of an open connection never asks an authorizer.
            return Door(event) if "connectionId" in context else _Request(event, arn[1])
        case _:
            return Door(event)


def _is_app_sync(event: Event, context: Any) -> bool:
    return (
        "authorizationToken" in event
        and event.keys().isdisjoint({"type", "version", "routeArn"})
        and isinstance(context, dict)
        and isinstance(context.get("apiId"), str)
        and "queryString" in context
    )


def _graphql(*, allowed: bool, context: dict[str, str]) -> Event:
    # The override wins over the setting of the API.
    return {"isAuthorized": allowed, "resolverContext": context, "ttlOverride": 0}


def _reason(error: DomainError) -> dict[str, str]:
    row = CATALOGUE.get(type(error))
    return {"auth_error": error.code, "auth_message": row.en if row else ""}


def _one(values: list[Any]) -> str | None:
    """Return the only value; None without one. Raises TokenInvalid for several, or for no text."""
    if not values or values == [None]:
        return None
    if len(values) > 1 or not isinstance(values[0], str):
        raise TokenInvalid(reason="ambiguous")
    return values[0]


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None

"""A Lambda event of the HTTP API (payload 2.0) as a request: parsed, limited and checked."""

from __future__ import annotations

import base64
import hmac
import ipaddress
import json
import math
import re
from typing import TYPE_CHECKING, Any

from latchkey.domain.errors import InvalidInput, Problem, ProblemCode
from latchkey.domain.ids import AccountId, DeviceId, is_id
from latchkey.domain.limits import (
    ACCEPT_LANGUAGE_MAX_TAGS,
    BODY_MAX_BYTES,
    JSON_MAX_DEPTH,
    LINK_TOKEN_MAX_CHARACTERS,
    USER_AGENT_MAX_CHARACTERS,
)
from latchkey.domain.request import Caller, RequestContext
from latchkey.domain.session import Use
from latchkey.domain.text import REPLACEMENT_CHARACTER
from latchkey.domain.values import dataclass, replace
from latchkey.http.cookies import device_id_of
from latchkey.http.viewer import viewer_location

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from datetime import datetime

    from latchkey.domain.idempotency import IdempotencyKey

type Event = dict[str, Any]

EDGE_SECRET_HEADER = "x-latchkey-edge"  # noqa: S105 - the header's name
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
VIEWER_ADDRESS_HEADER = "cloudfront-viewer-address"
VIEWER_HOST_HEADER = "x-latchkey-host"
_HOST = re.compile(r"[a-z0-9.-]{1,253}(:[0-9]{1,5})?")


@dataclass(slots=True, kw_only=True)
class Request[Body, Query = None]:
    """The request of a handler.

    context  the part for flows
    headers  names in lower case; API Gateway joins repeated ones with a comma
    path     path parameters
    query    the validated query parameters; raises without a declared model
    body     the validated body; raises without a declared model
    expected_versions  of If-Match; None: any
    idempotency_key    of Idempotency-Key, or None
    link_token         of Latchkey-Token; empty if the endpoint does not declare it
    came_through_edge  whether the request has the edge's secret
    """

    context: RequestContext
    headers: dict[str, str]
    cookies: dict[str, str]
    path: dict[str, str]
    raw_query: dict[str, str]
    event: Event
    came_through_edge: bool = False
    expected_versions: frozenset[int] | None = None
    idempotency_key: IdempotencyKey | None = None
    link_token: str = ""
    _body: Body | None = None
    _query: Query | None = None
    _caller: Caller | None = None
    _account_id: AccountId | None = None

    @property
    def body(self) -> Body:
        """The validated body."""
        if self._body is None:
            msg = "this endpoint declares no body"
            raise RuntimeError(msg)
        return self._body

    @property
    def query(self) -> Query:
        """The validated query parameters."""
        if self._query is None:
            msg = "this endpoint declares no query parameters"
            raise RuntimeError(msg)
        return self._query

    @property
    def declared_body(self) -> Any:
        """The validated body, or None if the endpoint declares none."""
        return self._body

    @property
    def caller(self) -> Caller:
        """The authenticated caller. Raises if the endpoint does not require one."""
        if self._caller is None:
            msg = "this endpoint does not authenticate its caller"
            raise RuntimeError(msg)
        return self._caller

    def accept_body(self, body: Body) -> None:
        """Set the validated body."""
        self._body = body

    def accept_query(self, query: Query) -> None:
        """Set the validated query parameters."""
        self._query = query

    def accept_caller(self, caller: Caller, *, owner: str | None = None) -> None:
        """Set the authenticated caller and the account that the path refers to."""
        self._caller = caller
        if owner is not None:
            self._account_id = AccountId(self.path.get(owner, caller.account_id))

    def accept_reason(self) -> None:
        """Add the administrator's reason from the body or the query to the context."""
        reason = getattr(self._body, "reason", None) or getattr(self._query, "reason", None)
        self.context = replace(self.context, reason=reason)

    @property
    def account_id(self) -> AccountId:
        """The account of a `self_or_admin` request. Raises for other rules."""
        if self._account_id is None:
            msg = "this endpoint has no owner"
            raise RuntimeError(msg)
        return self._account_id

    @property
    def method(self) -> str:
        """The HTTP method."""
        method: str = self.event["requestContext"]["http"]["method"]
        return method

    @property
    def api_host(self) -> str:
        """The name of the API itself, as API Gateway says it."""
        host: str = self.event["requestContext"]["domainName"]
        return host

    @property
    def edge_origin(self) -> str | None:
        """The origin of our edge, or None for a request that bypassed it.

        CloudFront accepts only its own host names, so a client can't choose it.
        """
        host = self.headers.get(VIEWER_HOST_HEADER, "").lower()
        if not self.came_through_edge or _HOST.fullmatch(host) is None:
            return None
        return f"https://{host}"

    @property
    def has_body(self) -> bool:
        """Whether the request has a body."""
        return bool(self.event.get("body"))

    @property
    def languages(self) -> list[str]:
        """The language tags of Accept-Language, the preferred first. Source: RFC 9110 12.5.4."""
        return _languages(self.headers.get("accept-language", ""))

    @property
    def wants_problem_json(self) -> bool:
        """Whether errors should be RFC 9457 documents."""
        return "application/problem+json" in self.headers.get("accept", "")


def parse_event(event: Event, *, now: datetime, edge_secret: str) -> Request[Any]:
    """Parse an event. Only what API Gateway itself wrote is trusted."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    # API Gateway sends cookies as a list. A proxy in its place may keep the header.
    sent = event.get("cookies") or headers.get("cookie", "").split(";")
    pairs = (cookie.partition("=") for cookie in sent)
    cookies = {name.strip(): value for name, separator, value in pairs if separator}
    ip_address = client_address(event, headers, edge_secret)
    came_through_edge = is_through_edge(headers, edge_secret)
    context = RequestContext(
        request_id=event["requestContext"]["requestId"],
        now=now,
        ip_address=ip_address,
        location=viewer_location(ip_address, headers) if came_through_edge else None,
        user_agent=shown_user_agent(headers),
        client_hints={n: v for n, v in headers.items() if n.startswith("sec-ch-ua")},
        device_id=_device_id(cookies),
    )
    return Request(
        context=context,
        headers=headers,
        cookies=cookies,
        path=event.get("pathParameters") or {},
        raw_query=event.get("queryStringParameters") or {},
        event=event,
        came_through_edge=came_through_edge,
    )


def refuse_other_parameters(sent: Mapping[str, str], declared: Container[str]) -> None:
    """Raise InvalidInput for an undeclared query parameter, and for one that is not UTF-8."""
    for name, text in sent.items():
        if name not in declared:
            message = "This endpoint has no such query parameter. Remove it."
            raise InvalidInput(Problem(name[:64], ProblemCode.UNKNOWN_PARAMETER, message))
        if REPLACEMENT_CHARACTER in text:
            raise InvalidInput(Problem(name, ProblemCode.INVALID, "Send text in UTF-8."))


def client_address(event: Event, headers: dict[str, str], edge_secret: str) -> str:
    """Return the client's IP address: API Gateway's, or the edge's if it has the secret.

    X-Forwarded-For is never used, because clients can set its first entry.
    """
    if is_through_edge(headers, edge_secret):
        # "192.0.2.1:443" or "2001:db8::1:443": the port follows the last colon.
        address, _, _port = headers.get(VIEWER_ADDRESS_HEADER, "").rpartition(":")
        try:
            return ipaddress.ip_address(address.strip("[]")).compressed
        except ValueError:
            pass
    source_ip: str = event["requestContext"]["http"]["sourceIp"]
    return source_ip


def request_use(event: Event, headers: dict[str, str], edge_secret: str) -> Use:
    """Return the use of a session by a request: its network, location and client."""
    ip_address = client_address(event, headers, edge_secret)
    is_edges = is_through_edge(headers, edge_secret)
    return Use.at(
        ip_address,
        headers.get("user-agent", "")[:USER_AGENT_MAX_CHARACTERS],
        viewer_location(ip_address, headers) if is_edges else None,
    )


def is_through_edge(headers: dict[str, str], edge_secret: str) -> bool:
    """Return whether the request has the edge's secret. Always False without a configured one."""
    # Constant time: an early exit would reveal the secret byte by byte.
    proof = headers.get(EDGE_SECRET_HEADER, "").encode()
    return bool(edge_secret) and hmac.compare_digest(proof, edge_secret.encode())


def _languages(header: str) -> list[str]:
    weighed = []
    for part in header.split(",")[:ACCEPT_LANGUAGE_MAX_TAGS]:
        tag, _, weight = part.strip().partition(";q=")
        match = _WEIGHT.fullmatch(weight or "1")
        if match is not None and float(match[0]) > 0:
            weighed.append((float(match[0]), tag))
    # Sorting is stable, so equal weights keep their order.
    return [tag for _, tag in sorted(weighed, key=lambda pair: -pair[0])]


def _device_id(cookies: dict[str, str]) -> DeviceId | None:
    device_id = device_id_of(cookies) or ""
    return DeviceId(device_id) if is_id("dev", device_id) else None


def shown_user_agent(headers: Mapping[str, str]) -> str:
    """Return the user agent without characters that can't be shown."""
    text = headers.get("user-agent", "")
    return "".join(c for c in text if c.isprintable())[:USER_AGENT_MAX_CHARACTERS]


def read_link_token(request: Request[Any]) -> str:
    """Read the token of an emailed link from Latchkey-Token, for requests without a body.

    Never from the query, because browsers and logs store URLs. The flow verifies the token. Raises
    InvalidInput.
    """
    token = request.headers.get("latchkey-token", "")
    if not token:
        message = "Send the text behind #token= of the emailed link."
        raise InvalidInput(Problem("Latchkey-Token", ProblemCode.REQUIRED, message))
    if len(token) > LINK_TOKEN_MAX_CHARACTERS:
        message = f"Send at most {LINK_TOKEN_MAX_CHARACTERS} characters."
        raise InvalidInput(Problem("Latchkey-Token", ProblemCode.TOO_LONG, message))
    return token


# Bodies --------------------------------------------------------------------------------------


def read_json(request: Request[Any]) -> Any:
    """Parse the body as strict JSON.

    Refused with InvalidInput: another media type, more than BODY_MAX_BYTES, invalid UTF-8,
    duplicate names, NaN and Infinity, lone surrogates, nesting deeper than JSON_MAX_DEPTH, and
    U+FFFD in any form. A proxy may have replaced invalid bytes with it, and two different
    passwords would become equal.
    Source: RFC 8259 sections 4, 6, 8.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise _refused(ProblemCode.UNSUPPORTED_MEDIA_TYPE, "Send application/json.")
    raw = read_body(request)
    if len(raw) > BODY_MAX_BYTES:
        raise _refused(ProblemCode.TOO_LARGE, f"Send at most {BODY_MAX_BYTES} bytes.")
    try:
        document = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
        _require_plain(document, depth=JSON_MAX_DEPTH)
    except _DeepError:
        raise _refused(ProblemCode.TOO_DEEP, f"Nest at most {JSON_MAX_DEPTH} levels.") from None
    except (ValueError, RecursionError):
        # Not the parser's message, because it repeats input.
        raise _refused(ProblemCode.MALFORMED_JSON, "This is not valid JSON in UTF-8.") from None
    return document


def read_body(request: Request[Any]) -> bytes:
    """Return the bytes of the body, as they were sent."""
    body = request.event.get("body") or ""
    try:
        if request.event.get("isBase64Encoded"):
            return base64.b64decode(body, validate=True)
        return str(body).encode()
    except ValueError:
        raise _refused(ProblemCode.MALFORMED_BODY, "The body can't be read.") from None


class _DeepError(ValueError):
    """Nested deeper than JSON_MAX_DEPTH."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        msg = "duplicate name"
        raise ValueError(msg)
    return document


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _require_plain(document: Any, *, depth: int) -> None:
    if depth < 0:
        raise _DeepError
    match document:
        case float() if not math.isfinite(document):
            raise ValueError(document)  # 1e999, which JSON can't represent in a response
        case str():
            _require_text(document)
        case list():
            for part in document:
                _require_plain(part, depth=depth - 1)
        case dict():
            for name, part in document.items():
                _require_text(name)
                _require_plain(part, depth=depth - 1)


def _require_text(text: str) -> None:
    text.encode()  # UnicodeEncodeError, a ValueError, for a lone surrogate
    if REPLACEMENT_CHARACTER in text:
        msg = "replacement character"
        raise ValueError(msg)


def _refused(code: ProblemCode, message: str) -> InvalidInput:
    return InvalidInput(Problem("body", code, message))

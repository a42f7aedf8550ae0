"""Responses: one envelope and one set of headers."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from latchkey.domain.throttle import Quota
from latchkey.domain.values import dataclass, field, field_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from latchkey.domain.ids import ExportId
    from latchkey.domain.throttle import RateLimitStatus
    from latchkey.http.request import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """The result of a handler.

    data      a view (a dataclass of `http.views`), or None
    cookies   set and cleared by `http.cookies`
    bare      the data is the whole body, for documents that a standard defines
    """

    status: int = 200
    data: Any = None
    message: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()
    bare: bool = False


SECURITY_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
}
"""On every response. Source: OWASP ASVS 5.0, 3.4 and 14.3.2."""


def ok(
    data: Any = None,
    *,
    message: str | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a response with data in the envelope."""
    return Response(status=status, data=data, message=message, headers=headers or {})


def export_path(export_id: ExportId) -> str:
    """Return the path of an export, for `Location`."""
    return f"/api/v1/users/me/exports/{export_id}"


def accepted(message: str) -> Response:
    """Return a 202. It does not reveal whether anything will happen."""
    return Response(status=202, message=message)


def document(data: Any, *, max_age_seconds: int) -> Response:
    """Return a public document that may be cached."""
    return Response(
        data=data, bare=True, headers={"cache-control": f"public, max-age={max_age_seconds}"}
    )


def render(response: Response, request_id: str) -> Event:
    """Render a response for API Gateway (payload 2.0)."""
    body: Any = response.data
    if not response.bare:
        body = {"success": True, "data": response.data}
        if response.message is not None:
            body["message"] = response.message
    return render_json(
        response.status, body, request_id, headers=response.headers, cookies=response.cookies
    )


def render_json(
    status: int,
    body: Any,
    request_id: str,
    *,
    headers: Mapping[str, str],
    cookies: tuple[str, ...] = (),
) -> Event:
    """Render a JSON body with the common headers."""
    event: Event = {
        "statusCode": status,
        "headers": {
            "content-type": "application/json",
            **SECURITY_HEADERS,
            "x-request-id": request_id,
            **headers,
        },
        "body": _encode(body),
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = list(cookies)
    return event


def limit_headers(limit_statuses: Iterable[RateLimitStatus]) -> dict[str, str]:
    """Return the rate limit headers, so that clients know the state of a limit.

    Source: draft-ietf-httpapi-ratelimit-headers-11, sections 3 and 4.
    """
    policies, states = [], []
    for limit_status in limit_statuses:
        limit = limit_status.limit
        if isinstance(limit, Quota):
            policies.append(f'"{limit.name}";q={limit.amount};w={limit.window_seconds}')
        else:
            policies.append(f'"{limit.name}";q={limit.free}')
        states.append(f'"{limit.name}";r={limit_status.remaining};t={limit_status.reset_seconds}')
    if not states:
        return {}
    return {"ratelimit-policy": ", ".join(policies), "ratelimit": ", ".join(states)}


def _plain(value: Any) -> Any:
    """Return what JSON has for a view or a time. Times are RFC 3339 in UTC with milliseconds."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {name: getattr(value, name) for name in field_names(value)}


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode

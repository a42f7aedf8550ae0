"""A middleware of Powertools for AWS Lambda, for its resolvers of REST APIs, HTTP APIs and URLs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import Response

from latchkey_client.verify import Refused, Verifier


def signed_in(verifier: Verifier) -> Callable[..., Any]:
    """Put the caller into the context of the resolver, or answer 401 or 503."""

    def middleware(app: Any, next_middleware: Callable[..., Any]) -> Any:
        try:
            caller = verifier.verify(_authorization(app.current_event))
        except Refused as refused:
            return Response(
                refused.status,
                content_type="application/json",
                body=json.dumps(refused.body),
                headers=dict(refused.headers),
            )
        app.append_context(caller=caller)
        return next_middleware(app)

    return middleware


def _authorization(event: Any) -> str | None:
    """Return the header. A REST API has only the last of several in `headers`."""
    several = event.raw_event.get("multiValueHeaders") or {}
    one = event.raw_event.get("headers") or {}
    found: list[Any] = []
    for headers in (several, one):
        found = [value for name, value in headers.items() if name.lower() == "authorization"]
        if found:
            break
    values = [each for value in found for each in (value if isinstance(value, list) else [value])]
    if len(values) > 1 or not all(isinstance(each, str) for each in values):
        raise Refused("TOKEN_INVALID")
    return values[0] if values else None

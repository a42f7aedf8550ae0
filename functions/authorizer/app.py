"""The Lambda authorizer of this API and of other APIs that attach it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.http.authorizer import Authorizer
from latchkey.wiring.tokens import authorization

if TYPE_CHECKING:
    from latchkey.http.request import Event

_authorizer = Authorizer(needs=authorization)


def handler(event: Event, lambda_context: Any = None) -> Event:
    """Authorize one request (payload 2.0, simple response). Never raises."""
    del lambda_context
    return _authorizer(event)

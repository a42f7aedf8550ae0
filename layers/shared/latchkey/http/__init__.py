"""What every handler imports, in one line: `from latchkey.http import Request, endpoint, ok`.

A name is loaded when it is first imported. The authorizer, for example, loads no endpoints.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latchkey.http.auth import admin, public, self_or_admin, signed, signed_in
    from latchkey.http.endpoints import endpoint
    from latchkey.http.preconditions import etag
    from latchkey.http.request import Request
    from latchkey.http.response import Response, accepted, document, ok

__all__ = [
    "Request",
    "Response",
    "accepted",
    "admin",
    "document",
    "endpoint",
    "etag",
    "ok",
    "public",
    "self_or_admin",
    "signed",
    "signed_in",
]

MODULES = {
    "Request": "request",
    "Response": "response",
    "accepted": "response",
    "admin": "auth",
    "document": "response",
    "endpoint": "endpoints",
    "etag": "preconditions",
    "ok": "response",
    "public": "auth",
    "self_or_admin": "auth",
    "signed": "auth",
    "signed_in": "auth",
}
"""Where each name is defined."""


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)

"""A decorator of Flask."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import g, jsonify, request

from latchkey_client.verify import Refused, Verifier, one_header


def signed_in(verifier: Verifier) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Set `g.caller` for a view, or answer 401 or 503. Put it below `@app.get(...)`."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def protected(*args: Any, **kwargs: Any) -> Any:
            try:
                g.caller = verifier.verify(one_header(request.headers.getlist("authorization")))
            except Refused as refused:
                return jsonify(refused.body), refused.status, refused.headers
            return view(*args, **kwargs)

        return protected

    return decorate

"""A middleware and a decorator of Django.

LATCHKEY_VERIFIER in the settings is a verifier, or a function that makes one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.utils.decorators import sync_and_async_middleware

from latchkey_client.verify import Caller, Refused, Verifier


class Authentication:
    """Who sends a request. Nothing is verified before somebody asks, and then once."""

    def __init__(self, authorization: str | None) -> None:
        self._authorization = authorization
        self._caller: Caller | None = None

    def caller(self) -> Caller:
        """Return the caller. Raises Refused."""
        if self._caller is None:
            self._caller = _verifier().verify(self._authorization)
        return self._caller

    async def caller_async(self) -> Caller:
        """Return the caller. Raises Refused."""
        if self._caller is None:
            self._caller = await _verifier().verify_async(self._authorization)
        return self._caller


@sync_and_async_middleware
def middleware(get_response: Callable[..., Any]) -> Callable[..., Any]:
    """Set `request.latchkey`, an Authentication. It refuses nothing: `signed_in` does."""
    if iscoroutinefunction(get_response):

        async def attach_async(request: HttpRequest) -> Any:
            _attach(request)
            return await get_response(request)

        return attach_async

    def attach(request: HttpRequest) -> Any:
        _attach(request)
        return get_response(request)

    return attach


def signed_in(view: Callable[..., Any]) -> Callable[..., Any]:
    """Set `request.caller` for a view, or answer 401 or 503. It needs the middleware."""
    if iscoroutinefunction(view):

        @wraps(view)
        async def protected_async(request: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                request.caller = await request.latchkey.caller_async()
            except Refused as refused:
                return _refuse(refused)
            return await view(request, *args, **kwargs)

        return protected_async

    @wraps(view)
    def protected(request: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            request.caller = request.latchkey.caller()
        except Refused as refused:
            return _refuse(refused)
        return view(request, *args, **kwargs)

    return protected


def _attach(request: Any) -> None:
    # WSGI and ASGI join repeated headers with a comma, which no token contains.
    request.latchkey = Authentication(request.headers.get("authorization"))


def _refuse(refused: Refused) -> JsonResponse:
    return JsonResponse(refused.body, status=refused.status, headers=refused.headers)


@cache
def _verifier() -> Verifier:
    found: Any = settings.LATCHKEY_VERIFIER
    verifier: Verifier = found if isinstance(found, Verifier) else found()
    return verifier

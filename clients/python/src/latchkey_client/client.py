"""Clients of the API, synchronous and asynchronous, that keep the tokens of one session."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import httpx2

from latchkey_client.calls import Call
from latchkey_client.errors import ApiError
from latchkey_client.generated.errors import TokenExpired, TokenMissing
from latchkey_client.generated.models import ReauthenticatedView, RefreshedView, TokensView
from latchkey_client.generated.operations import AsyncOperations, Operations

REFRESH_PATH = "/api/v1/auth/refresh"
LOGOUT_PATH = "/api/v1/auth/logout"
TIMEOUT_SECONDS = 30.0
RETRIES = 2
"""How often a GET is repeated after a 503."""
LONGEST_PAUSE_SECONDS = 5
_SIGNED_OUT = 401
_UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a session. Store the refresh token like a password."""

    access_token: str
    refresh_token: str


class _Session:
    """The tokens of a client, and what a response does to them."""

    def __init__(self, tokens: Tokens | None, on_tokens: Callable[[Tokens | None], object]) -> None:
        self.tokens = tokens
        self._on_tokens = on_tokens

    @property
    def access_token(self) -> str | None:
        """The access token, or None."""
        return self.tokens.access_token if self.tokens else None

    def keep(self, tokens: Tokens | None) -> None:
        """Replace the tokens, and tell the owner of the client."""
        if tokens != self.tokens:
            self.tokens = tokens
            self._on_tokens(tokens)

    def learn(self, call: Call, result: Any) -> None:
        """Take the tokens of a response."""
        if isinstance(result, TokensView | RefreshedView) and result.refresh_token:
            self.keep(Tokens(result.access_token, result.refresh_token))
        elif isinstance(result, ReauthenticatedView) and self.tokens:
            self.keep(Tokens(result.access_token, self.tokens.refresh_token))
        elif call.path == LOGOUT_PATH:
            self.keep(None)

    def refresh_call(self) -> Call:
        """Return the call that refreshes. Raises TokenMissing without a session."""
        if self.tokens is None:
            raise TokenMissing("Sign in first.", status=_SIGNED_OUT)
        body = {"refresh_token": self.tokens.refresh_token}
        return Call("POST", REFRESH_PATH, RefreshedView, authorized=False, body=body)

    def end_if_over(self, error: ApiError) -> None:
        """Forget the tokens if a refresh was refused."""
        if error.status == _SIGNED_OUT:
            self.keep(None)


def _pause(call: Call, error: ApiError, attempt: int) -> float | None:
    """Return how long to wait before the call is repeated; None if it is not."""
    if not call.safe or error.status != _UNAVAILABLE or attempt >= RETRIES:
        return None
    return float(min(error.retry_after or 1, LONGEST_PAUSE_SECONDS))


def _ignore(_tokens: Tokens | None) -> None:
    return None


class Client(Operations):
    """A synchronous client. It may be used from many threads.

    base_url   the address of the service, `https://accounts.example.com`
    tokens     of an earlier session, to go on with it
    on_tokens  called with the new tokens, and with None when the session is over
    transport  of httpx2, for tests and proxies
    """

    def __init__(
        self,
        base_url: str,
        *,
        tokens: Tokens | None = None,
        on_tokens: Callable[[Tokens | None], object] = _ignore,
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._http = httpx2.Client(base_url=base_url, timeout=timeout, transport=transport)
        self._session = _Session(tokens, on_tokens)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. The session goes on."""
        self._http.close()

    @property
    def tokens(self) -> Tokens | None:
        """The present tokens, or None."""
        return self._session.tokens

    def _send(self, call: Call) -> Any:
        used = self._session.access_token
        try:
            return self._repeated(call, used)
        except TokenExpired:
            if not call.authorized:
                raise
            self._refresh(used)
            return self._repeated(call, self._session.access_token)

    def _refresh(self, used: str | None) -> None:
        """Refresh once, however many threads ask with the same token."""
        with self._lock:
            if self._session.access_token != used:
                return
            call = self._session.refresh_call()
            try:
                self._once(call, None)
            except httpx2.TransportError:
                # The answer may be lost. For half a minute the service repeats it.
                self._once(call, None)
            except ApiError as error:
                self._session.end_if_over(error)
                raise

    def _repeated(self, call: Call, token: str | None) -> Any:
        attempt = 0
        while True:
            try:
                return self._once(call, token)
            except ApiError as error:
                pause = _pause(call, error, attempt)
                if pause is None:
                    raise
            time.sleep(pause)
            attempt += 1

    def _once(self, call: Call, token: str | None) -> Any:
        answer = self._http.request(**call.arguments(token))
        result = call.read(answer.status_code, answer.content, answer.headers.get("retry-after"))
        self._session.learn(call, result)
        return result


class AsyncClient(AsyncOperations):
    """An asynchronous client, for many tasks of one event loop. See Client."""

    def __init__(
        self,
        base_url: str,
        *,
        tokens: Tokens | None = None,
        on_tokens: Callable[[Tokens | None], object] = _ignore,
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx2.AsyncClient(base_url=base_url, timeout=timeout, transport=transport)
        self._session = _Session(tokens, on_tokens)
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. The session goes on."""
        await self._http.aclose()

    @property
    def tokens(self) -> Tokens | None:
        """The present tokens, or None."""
        return self._session.tokens

    async def _send(self, call: Call) -> Any:
        used = self._session.access_token
        try:
            return await self._repeated(call, used)
        except TokenExpired:
            if not call.authorized:
                raise
            await self._refresh(used)
            return await self._repeated(call, self._session.access_token)

    async def _refresh(self, used: str | None) -> None:
        async with self._lock:
            if self._session.access_token != used:
                return
            call = self._session.refresh_call()
            try:
                await self._once(call, None)
            except httpx2.TransportError:
                await self._once(call, None)
            except ApiError as error:
                self._session.end_if_over(error)
                raise

    async def _repeated(self, call: Call, token: str | None) -> Any:
        attempt = 0
        while True:
            try:
                return await self._once(call, token)
            except ApiError as error:
                pause = _pause(call, error, attempt)
                if pause is None:
                    raise
            await asyncio.sleep(pause)
            attempt += 1

    async def _once(self, call: Call, token: str | None) -> Any:
        answer = await self._http.request(**call.arguments(token))
        result = call.read(answer.status_code, answer.content, answer.headers.get("retry-after"))
        self._session.learn(call, result)
        return result

"""A client of the deployed API."""

from __future__ import annotations

import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

PASSWORD = "plum kettle orbits a quiet lake"
UNANSWERED = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE}
TIMEOUT_SECONDS = 300
"""Long, because a hundred cold functions share two cores."""


@dataclass(frozen=True, slots=True)
class Api:
    """One deployment.

    host     the Host header, if the name has no DNS record
    headers  additional headers of every request
    attempts how often a request is sent until the service, or the gateway, is available.
             A hundred functions that start at once on two cores make the emulator slow enough for
             a 503 of the service and a 502 of the gateway. The tests retry them as clients do.
    """

    base_url: str
    host: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 20

    def call(self, method: str, path: str, *, token: str | None = None, **options: Any) -> Any:
        """Send a request until it is answered, and return httpx's answer."""
        headers = httpx.Headers(options.pop("headers", None))
        for name, value in self.headers.items():
            headers.setdefault(name, value)
        if self.host is not None:
            headers["host"] = self.host
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        url = f"{self.base_url}{path}"
        options |= {"headers": headers, "timeout": TIMEOUT_SECONDS, "verify": _certificates()}
        answer = httpx.request(method, url, **options)
        for _ in range(1, self.attempts):
            if answer.status_code not in UNANSWERED:
                break
            time.sleep(int(answer.headers.get("retry-after", "1")))
            answer = httpx.request(method, url, **options)
        return answer

    def register(self, email: str | None = None, **fields: Any) -> Any:
        """Register an account, by default with a new address."""
        body = {"email": email or a_fresh_address(), "password": PASSWORD, **fields}
        return self.call("POST", "/api/v1/auth/register", json=body)

    def login(self, email: str, *, origin: str | None = None, **fields: Any) -> Any:
        """Sign a device in; a browser sends the origin of its page."""
        body = {"email": email, "password": PASSWORD, **fields}
        headers = {} if origin is None else {"origin": origin}
        return self.call("POST", "/api/v1/auth/login", json=body, headers=headers)

    def refresh(self, token: str) -> Any:
        """Exchange a refresh token."""
        return self.call("POST", "/api/v1/auth/refresh", json={"refresh_token": token})

    def me(self, token: str) -> Any:
        """Read the caller's account."""
        return self.call("GET", "/api/v1/users/me", token=token)


@cache
def _certificates() -> ssl.SSLContext:
    """The trusted certificates. httpx reads them for each request, which takes 30 ms."""
    return httpx.create_ssl_context()


def fetch(url: str) -> Any:
    """Get a file, as a browser follows a link."""
    return httpx.get(url, timeout=TIMEOUT_SECONDS)


def upload(offered: Any, content: bytes) -> Any:
    """Send a file with the form that the service offered: the fields, then the file."""
    return httpx.post(
        offered["url"],
        data=offered["fields"],
        files={"file": ("me.png", content)},
        timeout=TIMEOUT_SECONDS,
    )


def a_fresh_address() -> str:
    return f"person-{secrets.token_hex(8)}@example.com"


def all_at_once(ways: int, attempt: Callable[[int], Any]) -> list[Any]:
    """Run an attempt in so many threads, which start together, and return their results."""
    barrier = threading.Barrier(ways)

    def run(number: int) -> Any:
        barrier.wait()
        return attempt(number)

    with ThreadPoolExecutor(ways) as pool:
        return list(pool.map(run, range(ways)))


def once(api: Api) -> Api:
    """Return an API whose 503 is the answer, for tests that expect one."""
    return replace(api, attempts=1)


def error_code(answer: Any) -> str | None:
    """The envelope's error code, or None for a success."""
    body = answer.json()
    return None if body["success"] else str(body["error"]["code"])

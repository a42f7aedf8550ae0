"""What every verifier has in common: the caller, and why there is none."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from latchkey_client.errors import LatchkeyError

RETRY_AFTER_SECONDS = 2
_UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class Caller:
    """The person who is signed in.

    authenticated_at  when they last gave their password in this session
    """

    account_id: str
    session_id: str
    role: str
    authenticated_at: datetime


class Refused(LatchkeyError):
    """The request is not authenticated: 401. Or nobody can tell at the moment: 503.

    code  TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED, SESSION_REVOKED, SESSION_EXPIRED,
          SESSION_IDLE_TIMEOUT, ACCOUNT_DELETED, ACCOUNT_SUSPENDED, TOKEN_INACTIVE (introspection
          does not say why), TEMPORARILY_UNAVAILABLE
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    @property
    def status(self) -> int:
        """The HTTP status of the response."""
        return _UNAVAILABLE if self.code == "TEMPORARILY_UNAVAILABLE" else 401

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the response. Source: RFC 6750 section 3."""
        if self.status == _UNAVAILABLE:
            return {"retry-after": str(RETRY_AFTER_SECONDS), "cache-control": "no-store"}
        challenge = "Bearer"
        if self.code != "TOKEN_MISSING":
            challenge = f'Bearer error="invalid_token", error_description="{self.code}"'
        return {"www-authenticate": challenge, "cache-control": "no-store"}

    @property
    def body(self) -> dict[str, Any]:
        """The body of the response, in the form of Latchkey's own."""
        message = "Sign in." if self.status != _UNAVAILABLE else "Try again later."
        return {"success": False, "error": {"code": self.code, "message": message}}


class Verifier:
    """Decides about requests. Use TableVerifier or IntrospectionVerifier."""

    def verify(self, authorization: str | None) -> Caller:
        """Return the caller of a request with this `Authorization` header. Raises Refused."""
        raise NotImplementedError

    async def verify_async(self, authorization: str | None) -> Caller:
        """Do the same in a thread, so that the event loop goes on. Raises Refused."""
        return await asyncio.to_thread(self.verify, authorization)


def bearer_token(authorization: str | None) -> str:
    """Return the token of an `Authorization` header. Raises Refused."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    if not scheme:
        raise Refused("TOKEN_MISSING")
    token = token.strip()
    # A comma joins repeated headers. No token contains one.
    if scheme.lower() != "bearer" or not token or not token.isascii() or "," in token:
        raise Refused("TOKEN_INVALID")
    return token


def one_header(values: list[str]) -> str | None:
    """Return the only `Authorization` header. Raises Refused for several."""
    if len(values) > 1:
        raise Refused("TOKEN_INVALID")
    return values[0] if values else None


def at(seconds: float) -> datetime:
    """Return the time of seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)

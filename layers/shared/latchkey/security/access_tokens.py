"""Access tokens: ES256 JWTs of the kind `at+jwt` (RFC 9068), good for minutes."""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt

from latchkey.domain.errors import TokenExpired, TokenInvalid
from latchkey.domain.ids import is_id
from latchkey.domain.limits import (
    ACCESS_TOKEN_CLOCK_SKEW_SECONDS,
    AUTHORIZATION_HEADER_MAX_CHARACTERS,
)
from latchkey.domain.signing import AccessClaims

if TYPE_CHECKING:
    from collections.abc import Callable

    from latchkey.domain.session import Session
    from latchkey.domain.signing import KeyRing

_ALGORITHM = "ES256"
_TYPE = "at+jwt"
_REQUIRED = ["iss", "aud", "sub", "sid", "jti", "iat", "exp", "auth_time", "role", "gen"]

type PublicKeys = Callable[[str], dict[str, str] | None]
"""Looks a key id up among our own public keys (JWKs); None for any other."""


class AccessTokenSigner:
    """Issues access tokens."""

    def __init__(
        self, ring: Callable[[], KeyRing], *, issuer: str, audience: str, lifetime: timedelta
    ) -> None:
        """Sign with whatever key of the ring is active at the time."""
        self._ring = ring
        self._issuer = issuer
        self._audience = audience
        self.lifetime = lifetime

    def sign(self, session: Session, now: datetime) -> str:
        """Issue a token for the session's present generation."""
        key = self._ring().signing_key(now)
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": session.account_id,
            "sid": session.id,
            "jti": base64.urlsafe_b64encode(os.urandom(16)).rstrip(b"=").decode(),
            "iat": int(now.timestamp()),
            "exp": int((now + self.lifetime).timestamp()),
            "auth_time": int(session.authenticated_at.timestamp()),
            "role": session.role.value,
            "gen": session.generation,
        }
        headers = {"typ": _TYPE, "kid": key.kid}
        return jwt.encode(claims, key.private_pem, algorithm=_ALGORITHM, headers=headers)


class AccessTokenVerifier:
    """Believes access tokens of ours, and nothing else."""

    def __init__(self, public_keys: PublicKeys, *, issuer: str, audience: str) -> None:
        """Verify with these keys only; nothing in a token can name or bring another."""
        self._public_keys = public_keys
        self._issuer = issuer
        self._audience = audience
        self._parsed: dict[str, Any] = {}

    def verify(self, token: str, now: datetime) -> AccessClaims:
        """Check signature, type, issuer, audience and time.

        Raises TokenInvalid, and TokenExpired for a genuine token whose time has passed.
        """
        if len(token) > AUTHORIZATION_HEADER_MAX_CHARACTERS:
            raise TokenInvalid(reason="size")
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") != _TYPE:
                raise TokenInvalid(reason="typ")
            claims = jwt.decode(
                token,
                self._key(header.get("kid")),
                algorithms=[_ALGORITHM],
                audience=self._audience,
                issuer=self._issuer,
                # The clock is ours to ask, below: the library would read the machine's.
                options={
                    "require": _REQUIRED,
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
            expires_at = _instant(claims["exp"])
            issued_at = _instant(claims["iat"])
            verified = AccessClaims(
                account_id=_text(claims["sub"]),
                session_id=_text(claims["sid"]),
                generation=_whole(claims["gen"]),
                authenticated_at=_instant(claims["auth_time"]),
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise TokenInvalid(reason=type(error).__name__) from error
        if not (is_id("usr", verified.account_id) and is_id("ses", verified.session_id)):
            raise TokenInvalid(reason="subject")
        skew = timedelta(seconds=ACCESS_TOKEN_CLOCK_SKEW_SECONDS)
        if now >= expires_at + skew:
            raise TokenExpired
        if issued_at > now + skew:
            raise TokenInvalid(reason="iat")
        return verified

    def _key(self, kid: object) -> Any:
        jwk = self._public_keys(kid) if isinstance(kid, str) else None
        if jwk is None:
            raise TokenInvalid(reason="kid")
        kid = jwk["kid"]
        if kid not in self._parsed:
            self._parsed[kid] = jwt.PyJWK(jwk, algorithm=_ALGORITHM).key
        return self._parsed[kid]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(type(value).__name__)
    return value


def _instant(seconds: object) -> datetime:
    return datetime.fromtimestamp(_whole(seconds), UTC)

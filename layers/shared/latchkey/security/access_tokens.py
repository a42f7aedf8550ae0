"""Access tokens: ES256 JWTs of the type `at+jwt` (RFC 9068), valid for minutes."""

from __future__ import annotations

import base64
import os
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt

from latchkey.domain.errors import TokenExpired, TokenInvalid
from latchkey.domain.ids import AccountId, SessionId, is_id
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

_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)")
_LAST_SECOND = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())
"""The end of the calendar, minus the skew."""

_GENERATIONS = 10**9
"""The upper bound of a generation. That many refreshes take 19,000 years."""

type PublicKeys = Callable[[str], dict[str, str] | None]
"""Returns one of our public keys (JWKs) by its id, or None."""


class AccessTokenSigner:
    """Issues access tokens."""

    def __init__(
        self, key_ring: Callable[[], KeyRing], *, issuer: str, audience: str, lifetime: timedelta
    ) -> None:
        """Sign with the active key of the key ring."""
        self._ring = key_ring
        self._issuer = issuer
        self._audience = audience
        self.lifetime = lifetime

    def sign(self, session: Session, now: datetime) -> str:
        """Issue a token for the current generation of the session."""
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
    """Verifies access tokens of this service."""

    def __init__(
        self, public_keys: PublicKeys, *, issuer: str, audience: str, lifetime: timedelta
    ) -> None:
        """Verify with these keys only. A token can't name or include another key.

        lifetime  of a token, as the signer sets it; a token with a longer one is refused
        """
        self._public_keys = public_keys
        self._issuer = issuer
        self._audience = audience
        self._lifetime_seconds = int(lifetime.total_seconds())
        self._parsed: dict[str, Any] = {}

    def verify(self, token: str, now: datetime) -> AccessClaims:
        """Verify form, signature, type, issuer, audience and times.

        A leaked key can sign any claims. Times are therefore only accepted as the signer sets them:
        none in the future, and no lifetime above the configured one.

        Raises TokenInvalid, and TokenExpired for a genuine token that has expired.
        """
        if len(token) > AUTHORIZATION_HEADER_MAX_CHARACTERS:
            raise TokenInvalid(reason="size")
        if not _is_canonical(token):
            raise TokenInvalid(reason="form")
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
                # The times are checked below with our clock. The library would use the machine's.
                options={
                    "require": _REQUIRED,
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
            issued_at, authenticated_at, expires_at = (
                _second(claims[name]) for name in ("iat", "auth_time", "exp")
            )
            verified = AccessClaims(
                account_id=AccountId(_id("usr", claims["sub"])),
                session_id=SessionId(_id("ses", claims["sid"])),
                generation=_within(claims["gen"], 1, _GENERATIONS),
                authenticated_at=datetime.fromtimestamp(authenticated_at, UTC),
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise TokenInvalid(reason=type(error).__name__) from error
        skew = ACCESS_TOKEN_CLOCK_SKEW_SECONDS
        if max(issued_at, authenticated_at) > now.timestamp() + skew:
            raise TokenInvalid(reason="future")
        if expires_at - issued_at > self._lifetime_seconds + skew:
            raise TokenInvalid(reason="lifetime")
        if now.timestamp() >= expires_at + skew:
            raise TokenExpired
        return verified

    def _key(self, kid: object) -> Any:
        jwk = self._public_keys(kid) if isinstance(kid, str) else None
        if jwk is None:
            raise TokenInvalid(reason="kid")
        kid = jwk["kid"]
        if kid not in self._parsed:
            self._parsed[kid] = jwt.PyJWK(jwk, algorithm=_ALGORITHM).key
        return self._parsed[kid]


def _is_canonical(token: str) -> bool:
    """Return whether a token has its canonical encoding.

    The signature does not cover the encoding. Padding, line breaks and the unused bits of the last
    character would give a token many forms.
    """
    match = _FORM.fullmatch(token)
    if match is None:
        return False
    signature = match[1]
    try:
        decoded = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    except ValueError:
        return False
    return base64.urlsafe_b64encode(decoded).rstrip(b"=").decode() == signature


def _id(kind: str, value: object) -> str:
    if not isinstance(value, str) or not is_id(kind, value):
        raise TypeError(kind)
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(type(value).__name__)
    return value


def _second(value: object) -> int:
    return _within(value, 0, _LAST_SECOND)


def _within(value: object, first: int, end: int) -> int:
    number = _whole(value)
    if not first <= number < end:
        raise ValueError(number)
    return number

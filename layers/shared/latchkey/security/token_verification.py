"""Verifies access tokens: ES256 JWTs of the kind `at+jwt` (RFC 9068).

The authorizer loads this module in most cold starts, so it uses `cryptography` without PyJWT, which
issues the tokens. A token has one form, so this is short: one algorithm, one type, one issuer, one
audience. The tests compare it with PyJWT (tests/unit/test_access_tokens.py).
"""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from latchkey.domain.errors import TokenExpired, TokenInvalid
from latchkey.domain.ids import AccountId, SessionId, is_id
from latchkey.domain.limits import (
    ACCESS_TOKEN_CLOCK_SKEW_SECONDS,
    AUTHORIZATION_HEADER_MAX_CHARACTERS,
)
from latchkey.domain.signing import AccessClaims

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

ALGORITHM = "ES256"
TYPE = "at+jwt"

_REQUIRED = ("iss", "aud", "sub", "sid", "jti", "iat", "exp", "auth_time", "role", "gen")
_EXTENSIONS = {"b64", "crit"}
"""Headers that change what the others mean. Our tokens have none. Source: RFC 7515 4.1.11, 7797."""

COORDINATE_BYTES = 32
TOKEN_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_LAST_SECOND = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())
"""The end of the calendar, minus the skew."""

_GENERATIONS = 10**9
"""The generation of a refresh token is below it. That many refreshes take 19,000 years."""

type PublicKeys = Callable[[str], dict[str, str] | None]
"""Returns one of our public keys (JWKs) by its id, or None."""


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
        self._parsed: dict[str, EllipticCurvePublicKey] = {}

    def verify(self, token: str, now: datetime) -> AccessClaims:
        """Verify form, signature, type, issuer, audience and times.

        A leaked key can sign any claims. Times are therefore only accepted as the signer sets them:
        none in the future, and no lifetime above the configured one.

        Raises TokenInvalid, and TokenExpired for a genuine token that has expired.
        """
        if len(token) > AUTHORIZATION_HEADER_MAX_CHARACTERS:
            raise TokenInvalid(reason="size")
        match = TOKEN_FORM.fullmatch(token)
        if match is None:
            raise TokenInvalid(reason="form")
        try:
            claims = self._verified_claims(*match.groups())
            issued_at, authenticated_at, expires_at = (
                read_second(claims[name]) for name in ("iat", "auth_time", "exp")
            )
            verified = AccessClaims(
                account_id=AccountId(_id("usr", claims["sub"])),
                session_id=SessionId(_id("ses", claims["sid"])),
                generation=_within(claims["gen"], 1, _GENERATIONS),
                authenticated_at=datetime.fromtimestamp(authenticated_at, UTC),
            )
        except (InvalidSignature, KeyError, ValueError, TypeError, RecursionError) as error:
            raise TokenInvalid(reason=type(error).__name__) from error
        skew = ACCESS_TOKEN_CLOCK_SKEW_SECONDS
        if max(issued_at, authenticated_at) > now.timestamp() + skew:
            raise TokenInvalid(reason="future")
        if expires_at - issued_at > self._lifetime_seconds + skew:
            raise TokenInvalid(reason="lifetime")
        if now.timestamp() >= expires_at + skew:
            raise TokenExpired
        return verified

    def _verified_claims(self, header: str, payload: str, signature: str) -> dict[str, Any]:
        """Return the claims of a token that one of our keys has signed for us."""
        headers = read_object(header)
        if headers.get("typ") != TYPE:
            raise TokenInvalid(reason="typ")
        if headers.get("alg") != ALGORITHM:
            raise TokenInvalid(reason="alg")
        if not _EXTENSIONS.isdisjoint(headers):
            raise TokenInvalid(reason="extension")
        self._key(headers.get("kid")).verify(
            read_es256_signature(signature), f"{header}.{payload}".encode(), ECDSA(SHA256())
        )
        claims = read_object(payload)
        if any(claims.get(name) is None for name in _REQUIRED):
            raise TokenInvalid(reason="claim")
        if claims["iss"] != self._issuer:
            raise TokenInvalid(reason="issuer")
        if claims["aud"] != self._audience:
            raise TokenInvalid(reason="audience")
        if not isinstance(claims["jti"], str):
            raise TokenInvalid(reason="jti")
        return claims

    def _key(self, kid: object) -> EllipticCurvePublicKey:
        jwk = self._public_keys(kid) if isinstance(kid, str) else None
        if jwk is None:
            raise TokenInvalid(reason="kid")
        kid = jwk["kid"]
        if kid not in self._parsed:
            if (jwk["kty"], jwk["crv"]) != ("EC", "P-256"):
                raise TokenInvalid(reason="key")
            x, y = (int.from_bytes(decode_base64url(jwk[name])) for name in ("x", "y"))
            # Raises ValueError for a point that is not on the curve.
            self._parsed[kid] = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
        return self._parsed[kid]


def decode_base64url(text: str) -> bytes:
    """Decode base 64 without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def read_object(text: str) -> dict[str, Any]:
    """Parse the header or the payload of a token. Raises ValueError or TypeError."""
    found = json.loads(decode_base64url(text).decode())
    if not isinstance(found, dict):
        raise TypeError(type(found).__name__)
    return found


def read_es256_signature(text: str) -> bytes:
    """Return a signature of two 32-byte numbers in the encoding of `cryptography`.

    The signature does not cover its encoding. The unused bits of the last character would give a
    token many forms, so only the canonical one is accepted.
    """
    raw = decode_base64url(text)
    if len(raw) != 2 * COORDINATE_BYTES:
        raise ValueError(len(raw))
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise ValueError(text[-1])
    r, s = raw[:COORDINATE_BYTES], raw[COORDINATE_BYTES:]
    return encode_dss_signature(int.from_bytes(r), int.from_bytes(s))


def _id(kind: str, value: object) -> str:
    if not isinstance(value, str) or not is_id(kind, value):
        raise TypeError(kind)
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(type(value).__name__)
    return value


def read_second(value: object) -> int:
    """Return a time in seconds. Raises ValueError or TypeError for anything else."""
    return _within(value, 0, _LAST_SECOND)


def _within(value: object, first: int, end: int) -> int:
    number = _whole(value)
    if not first <= number < end:
        raise ValueError(number)
    return number

"""Erasure receipts: a compact JWS that anybody can verify without asking us.

It names nobody. Who has it can show that an account was erased, what and when; the key that signed
it is in its header, so that it can be compared with one that was published while it was in use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt

if TYPE_CHECKING:
    from collections.abc import Callable

    from latchkey.domain.erasure import Receipt
    from latchkey.domain.signing import KeyRing

_ALGORITHM = "ES256"
_TYPE = "erasure-receipt+jwt"


class ReceiptSigner:
    """Signs receipts with the key that signs access tokens; their types tell them apart."""

    def __init__(self, ring: Callable[[], KeyRing], *, issuer: str) -> None:
        """Sign with whatever key of the ring is active at the time."""
        self._ring = ring
        self._issuer = issuer

    def sign(self, receipt: Receipt) -> str:
        """Make the receipt's proof."""
        key = self._ring().signing_key(receipt.erased_at)
        claims = {
            "iss": self._issuer,
            "jti": receipt.id,
            "iat": int(receipt.erased_at.timestamp()),
            "requested_at": receipt.requested_at.isoformat(timespec="milliseconds"),
            "erased_at": receipt.erased_at.isoformat(timespec="milliseconds"),
            "erased": receipt.erased,
        }
        headers = {"typ": _TYPE, "kid": key.kid, "jwk": key.public_jwk}
        return jwt.encode(claims, key.private_pem, algorithm=_ALGORITHM, headers=headers)


def read_receipt(text: str, public_jwk: dict[str, str], *, issuer: str) -> dict[str, Any]:
    """Verify a receipt with a key that the reader trusts, never with the one that it brings.

    Raises jwt.InvalidTokenError.
    """
    if jwt.get_unverified_header(text).get("typ") != _TYPE:
        msg = "not an erasure receipt"
        raise jwt.InvalidTokenError(msg)
    options: Any = {"require": ["iss", "jti", "iat"], "verify_iat": False}
    claims: dict[str, Any] = jwt.decode(
        text,
        jwt.PyJWK(public_jwk).key,
        algorithms=[_ALGORITHM],
        issuer=issuer,
        options=options,
    )
    return claims

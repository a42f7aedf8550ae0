"""Receipts of erasure: compact JWS that anybody can verify offline.

A receipt contains no personal data. It proves what was erased, and when. The public key is in its
header, to be compared with the keys that were published at that time.
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
    """Signs receipts with the key of access tokens. The token types differ."""

    def __init__(self, key_ring: Callable[[], KeyRing], *, issuer: str) -> None:
        """Sign with the active key of the key ring."""
        self._ring = key_ring
        self._issuer = issuer

    def sign(self, receipt: Receipt) -> str:
        """Sign the receipt."""
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
    """Verify a receipt with a key that the reader trusts, never with the key in its header.

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

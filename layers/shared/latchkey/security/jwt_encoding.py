"""Encodes and signs JWTs with PyJWT."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jwt

from latchkey.security.token_verification import ALGORITHM

if TYPE_CHECKING:
    from latchkey.domain.signing import SigningKey
    from latchkey.security.access_tokens import Claims


def encode(claims: Claims, key: SigningKey, headers: dict[str, str]) -> str:
    """Return a JWT that is signed with this key."""
    return jwt.encode(claims, key.private_pem, algorithm=ALGORITHM, headers=headers)

"""Creates peppers and derives a key for each purpose from them."""

from __future__ import annotations

import hashlib
import hmac
import os
from enum import StrEnum
from typing import TYPE_CHECKING

from latchkey.domain.peppers import UNNAMED, Pepper

if TYPE_CHECKING:
    from datetime import datetime

_PEPPER_BYTES = 32
_SALT = b"latchkey pepper"


class Use(StrEnum):
    """The purpose of a derived key. It is part of the derivation: add, never rename."""

    REFRESH = "refresh token"
    LINK = "link"
    IDENTIFIER = "identifier that was typed"


def new_pepper(pepper_id: str, *, created_at: datetime, active_at: datetime) -> Pepper:
    """Create a random pepper."""
    secret = os.urandom(_PEPPER_BYTES)
    return Pepper(id=pepper_id, secret=secret, created_at=created_at, active_at=active_at)


def derive_key(pepper: Pepper, use: Use) -> bytes:
    """Derive a key of 32 bytes with HKDF-SHA256 (RFC 5869): extract, and one block of expand."""
    if pepper.id == UNNAMED:
        # Older deployments used it directly, and its codes are still accepted.
        return pepper.secret
    extracted = hmac.digest(_SALT, pepper.secret, hashlib.sha256)
    return hmac.digest(extracted, use.value.encode() + b"\x01", hashlib.sha256)

"""Sealing what is personal under a person's own key, so that destroying the key erases it."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE_BYTES = 12
KEY_BYTES = 32


class SealBrokenError(Exception):
    """What was sealed is not what is there: changed, moved from elsewhere, or of another key."""


def seal(key: bytes, plain: bytes, place: str) -> bytes:
    """Encrypt and authenticate with AES-256-GCM: a version, 12 bytes of nonce, the cipher text.

    place  where the result is kept: it opens nowhere else
    """
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, plain, _bound_to(place))


def unseal(key: bytes, sealed: bytes, place: str) -> bytes:
    """Decrypt what `seal` made for this place. Raises SealBrokenError for anything else."""
    version, nonce, text = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    if version != _VERSION or len(nonce) != _NONCE_BYTES:
        raise SealBrokenError
    try:
        return AESGCM(key).decrypt(nonce, text, _bound_to(place))
    except InvalidTag as error:
        raise SealBrokenError from error


def _bound_to(place: str) -> bytes:
    return _VERSION + place.encode()

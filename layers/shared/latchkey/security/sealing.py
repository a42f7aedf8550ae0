"""Sealing: encryption of personal data with a person's key. Deleting the key erases the data."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE_BYTES = 12
KEY_BYTES = 32


class SealBrokenError(Exception):
    """The sealed value was changed, moved, or sealed with another key."""


def seal(key: bytes, plain: bytes, place: str) -> bytes:
    """Encrypt with AES-256-GCM. The result is a version, a nonce of 12 bytes and the ciphertext.

    place  where the result is stored; it can only be opened for the same place
    """
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, plain, _bound_to(place))


def unseal(key: bytes, sealed: bytes, place: str) -> bytes:
    """Decrypt a value that `seal` made for this place. Raises SealBrokenError."""
    version, nonce, text = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    if version != _VERSION or len(nonce) != _NONCE_BYTES:
        raise SealBrokenError
    try:
        return AESGCM(key).decrypt(nonce, text, _bound_to(place))
    except InvalidTag as error:
        raise SealBrokenError from error


def _bound_to(place: str) -> bytes:
    return _VERSION + place.encode()

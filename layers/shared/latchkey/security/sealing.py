"""Sealing what is personal under a person's own key, so that destroying the key erases it."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
KEY_BYTES = 32


def seal(key: bytes, plain: bytes) -> bytes:
    """Encrypt and authenticate with AES-256-GCM: 12 bytes of nonce, then the cipher text."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, None)


def unseal(key: bytes, sealed: bytes) -> bytes:
    """Decrypt what `seal` made; raises cryptography's InvalidTag for anything else."""
    return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)

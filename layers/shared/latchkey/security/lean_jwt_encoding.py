"""Encodes and signs JWTs with `cryptography` alone, for `refresh`, which starts without PyJWT.

The counterpart of `token_verification`. The tests compare it with PyJWT
(tests/unit/test_access_tokens.py).
"""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from latchkey.domain.limits import KEYS_MAX
from latchkey.security.token_verification import ALGORITHM, COORDINATE_BYTES

if TYPE_CHECKING:
    from latchkey.domain.signing import SigningKey
    from latchkey.security.access_tokens import Claims


def encode(claims: Claims, key: SigningKey, headers: dict[str, str]) -> str:
    """Return a JWT that is signed with this key. Source: RFC 7515 3.1, RFC 7518 3.4."""
    header = dict(sorted({"alg": ALGORITHM, **headers}.items()))
    signed = f"{_encode(header)}.{_encode(claims)}"
    signature = _private_key(key.private_pem).sign(signed.encode(), ECDSA(SHA256()))
    raw = b"".join(number.to_bytes(COORDINATE_BYTES) for number in decode_dss_signature(signature))
    return f"{signed}.{_base64(raw)}"


@lru_cache(KEYS_MAX)
def _private_key(pem: str) -> EllipticCurvePrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise TypeError(type(key).__name__)
    return key


def _encode(part: dict[str, Any]) -> str:
    return _base64(json.dumps(part, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

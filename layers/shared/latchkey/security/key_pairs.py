"""Creates signing keys."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import ECAlgorithm

from latchkey.domain.signing import SigningKey

if TYPE_CHECKING:
    from datetime import datetime


def new_signing_key(*, created_at: datetime, active_at: datetime) -> SigningKey:
    """Create an ES256 key pair. Its id is random and never reused."""
    private = ec.generate_private_key(ec.SECP256R1())
    kid = os.urandom(8).hex()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    jwk = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    public = {**jwk, "kid": kid, "use": "sig", "alg": "ES256"}
    return SigningKey(
        kid=kid, private_pem=pem, public_jwk=public, created_at=created_at, active_at=active_at
    )

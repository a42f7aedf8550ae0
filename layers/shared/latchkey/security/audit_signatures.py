"""ES256 for the audit trail: signatures of 64 bytes, r and s, as in JOSE."""

from __future__ import annotations

import base64
import os

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
    load_pem_private_key,
)

from latchkey.domain.audit_chain import Signature

_COORDINATE_BYTES = 32


class LocalSigner:
    """Signs with a key in memory."""

    def __init__(self, kid: str, private_pem: str) -> None:
        """Load the key."""
        self._kid = kid
        key = load_pem_private_key(private_pem.encode(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(type(key).__name__)
        self._key = key

    def sign(self, message: bytes) -> Signature:
        """See audit_chain.Signer."""
        return Signature(
            self._kid, raw_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        )


def is_signed_by(jwk: dict[str, str], signature: bytes, message: bytes) -> bool:
    """Return whether a signature is by the private key of this public key."""
    x, y = (int.from_bytes(_from_base64url(jwk[name])) for name in ("x", "y"))
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    if len(signature) != 2 * _COORDINATE_BYTES:
        return False
    r, s = signature[:_COORDINATE_BYTES], signature[_COORDINATE_BYTES:]
    der = encode_dss_signature(int.from_bytes(r), int.from_bytes(s))
    try:
        key.verify(der, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def new_audit_key() -> tuple[str, str, dict[str, str]]:
    """Create a key pair. Returns its id, the private key as PEM and the public key as JWK."""
    private = ec.generate_private_key(ec.SECP256R1())
    kid = f"audit-{os.urandom(8).hex()}"
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return kid, pem, _jwk(kid, private.public_key())


def jwk_of_der(kid: str, der: bytes) -> dict[str, str]:
    """Return a public key of KMS as a JWK."""
    key = load_der_public_key(der)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError(type(key).__name__)
    return _jwk(kid, key)


def raw_signature(der: bytes) -> bytes:
    """Convert a DER signature into r and s."""
    r, s = decode_dss_signature(der)
    return r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")


def _jwk(kid: str, key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    numbers = key.public_numbers()
    x, y = (_base64url(n.to_bytes(_COORDINATE_BYTES, "big")) for n in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": x, "y": y}


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")

"""Receipts of erasures: what is signed, and what a reader refuses."""

from __future__ import annotations

from datetime import timedelta

import jwt
import pytest

from latchkey.domain.erasure import Receipt
from latchkey.domain.ids import ReceiptId, new_id
from latchkey.domain.signing import KeyRing
from latchkey.security.key_pairs import new_signing_key
from latchkey.security.receipts import ReceiptSigner, read_receipt
from tests.support.builders import NOW

KEY = new_signing_key(created_at=NOW, active_at=NOW)
RECEIPT = Receipt(
    id=ReceiptId(new_id("rcp", NOW)),
    requested_at=NOW - timedelta(days=30),
    erased_at=NOW,
    erased={"sessions": 2},
)
ISSUER = "https://accounts.example.com"


@pytest.fixture
def text():
    return ReceiptSigner(lambda: KeyRing(keys=(KEY,)), issuer=ISSUER).sign(RECEIPT)


def test_receipt_has_its_times_counts_and_key(text):
    assert read_receipt(text, KEY.public_jwk, issuer=ISSUER) == {
        "iss": ISSUER,
        "jti": RECEIPT.id,
        "iat": 1767323045,
        "requested_at": "2025-12-03T03:04:05.678+00:00",
        "erased_at": "2026-01-02T03:04:05.678+00:00",
        "erased": {"sessions": 2},
    }
    header = jwt.get_unverified_header(text)
    assert header == {
        "alg": "ES256",
        "typ": "erasure-receipt+jwt",
        "kid": KEY.kid,
        "jwk": KEY.public_jwk,
    }


def test_receipt_of_another_issuer_key_or_type_is_refused(text):
    other = new_signing_key(created_at=NOW, active_at=NOW)
    with pytest.raises(jwt.InvalidIssuerError):
        read_receipt(text, KEY.public_jwk, issuer="https://other.example.com")
    with pytest.raises(jwt.InvalidSignatureError):
        read_receipt(text, other.public_jwk, issuer=ISSUER)
    token = jwt.encode({"iss": ISSUER, "jti": "x", "iat": 1}, KEY.private_pem, algorithm="ES256")
    with pytest.raises(jwt.InvalidTokenError, match="not an erasure receipt"):
        read_receipt(token, KEY.public_jwk, issuer=ISSUER)


@pytest.mark.parametrize("missing", ["iss", "jti", "iat"])
def test_receipt_without_a_claim_is_refused(missing):
    claims = {"iss": ISSUER, "jti": RECEIPT.id, "iat": 1767323045}
    del claims[missing]
    headers = {"typ": "erasure-receipt+jwt"}
    text = jwt.encode(claims, KEY.private_pem, algorithm="ES256", headers=headers)
    with pytest.raises(jwt.MissingRequiredClaimError):
        read_receipt(text, KEY.public_jwk, issuer=ISSUER)

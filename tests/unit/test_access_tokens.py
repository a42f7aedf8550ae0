"""Access tokens: ours are believed, everything else is TOKEN_INVALID and nothing more."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm

from latchkey.domain.errors import TokenExpired, TokenInvalid
from latchkey.security.access_tokens import AccessTokenSigner, AccessTokenVerifier
from tests.support.builders import NOW, a_session, an_account
from tests.support.keys import MemorySigningKeyStore

ISSUER = "https://accounts.test"
AUDIENCE = "latchkey"

KEYS = MemorySigningKeyStore()
KEY = KEYS.ring().keys[0]
PUBLIC = load_pem_private_key(KEY.private_pem.encode(), None).public_key()
SESSION = a_session(an_account())
SIGNER = AccessTokenSigner(
    KEYS.ring, issuer=ISSUER, audience=AUDIENCE, lifetime=timedelta(minutes=10)
)
VERIFIER = AccessTokenVerifier(KEYS.find_public, issuer=ISSUER, audience=AUDIENCE)
TOKEN = SIGNER.sign(SESSION, NOW)
CLAIMS = jwt.decode(TOKEN, options={"verify_signature": False})


def encode(part):
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def signed(claims=CLAIMS, key=KEY.private_pem, algorithm="ES256", **header):
    headers = {"typ": "at+jwt", "kid": KEY.kid, **header}
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers)


def refused(token, now=NOW):
    with pytest.raises(TokenInvalid):
        VERIFIER.verify(token, now)


def test_a_token_of_ours_says_whose_it_is():
    claims = VERIFIER.verify(TOKEN, NOW)
    assert (claims.account_id, claims.session_id) == (SESSION.account_id, SESSION.id)
    assert claims.generation == 1
    assert claims.authenticated_at == NOW.replace(microsecond=0)


def test_it_carries_nothing_personal():
    expected = {"iss", "aud", "sub", "sid", "jti", "iat", "exp", "auth_time", "role", "gen"}
    assert set(CLAIMS) == expected
    assert len(TOKEN) < 800


def test_it_expires_to_the_second_give_or_take_the_skew():
    VERIFIER.verify(TOKEN, NOW + timedelta(minutes=10, seconds=28))
    with pytest.raises(TokenExpired):
        VERIFIER.verify(TOKEN, NOW + timedelta(minutes=10, seconds=30))
    refused(TOKEN, NOW - timedelta(minutes=1))


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "NONE", ""])
def test_no_signature_is_no_token(algorithm):
    header = {"typ": "at+jwt", "kid": KEY.kid, "alg": algorithm}
    for signature in ("", encode(b"x" * 64)):
        refused(f"{encode(header)}.{encode(CLAIMS)}.{signature}")


@pytest.mark.parametrize(
    "secret",
    [
        PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        PUBLIC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(KEY.public_jwk).encode(),
        KEY.kid.encode(),
        b"",
    ],
    # The key is new in every process: pytest-xdist's have to agree on the names.
    ids=["pem", "der", "jwk", "kid", "nothing"],
)
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_our_public_key_is_nobodys_secret(secret, algorithm):
    head = encode({"typ": "at+jwt", "kid": KEY.kid, "alg": algorithm})
    signing_input = f"{head}.{encode(CLAIMS)}"
    digest = getattr(hashlib, f"sha{algorithm[2:]}")
    code = hmac.new(secret, signing_input.encode(), digest).digest()
    refused(f"{signing_input}.{encode(code)}")


def test_no_header_brings_a_key_along():
    other = ec.generate_private_key(ec.SECP256R1())
    jwk = ECAlgorithm.to_jwk(other.public_key(), as_dict=True)
    for header in (
        {"jwk": jwk},
        {"jwk": jwk, "kid": "theirs"},
        {"jku": "https://evil.test/jwks.json"},
        {"x5u": "https://evil.test/cert.pem"},
        {"x5c": ["MIIB"]},
        {"kid": "../../../../dev/null"},
        {"kid": "' OR 1=1 --"},
        {"kid": ""},
        {"kid": "theirs"},
    ):
        refused(signed(key=other, **header))
    refused(signed(key=other))


def test_a_header_that_we_must_understand_is_refused():
    refused(signed(crit=["b64"], b64=False))
    refused(signed(crit=["urn:example:unknown"], **{"urn:example:unknown": True}))


@pytest.mark.parametrize("kind", ["JWT", "at+JWT ", "", None, "rt+jwt"])
def test_another_type_is_another_token(kind):
    refused(signed(typ=kind))


def test_a_token_without_a_key_id_is_refused():
    for kid in (None, 7, ["x"], {}):
        head = encode({"typ": "at+jwt", "alg": "ES256", "kid": kid})
        refused(".".join([head, *TOKEN.split(".")[1:]]))
    head = encode({"typ": "at+jwt", "alg": "ES256"})
    refused(".".join([head, *TOKEN.split(".")[1:]]))


@pytest.mark.parametrize("claim", sorted(CLAIMS))
def test_every_claim_is_required(claim):
    refused(signed({name: value for name, value in CLAIMS.items() if name != claim}))


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.test"},
        {"aud": "other"},
        {"aud": []},
        {"sub": "usr_1"},
        {"sub": 1},
        {"sub": None},
        {"sid": "usr_01h455vb4pex5vsknk084sn02q"},
        {"sid": {"a": 1}},
        {"exp": "tomorrow"},
        {"exp": 1e400},
        {"exp": 10**30},
        {"exp": True},
        {"iat": -(10**20)},
        {"auth_time": None},
        {"gen": "x"},
        {"gen": None},
    ],
)
def test_a_claim_that_is_not_what_we_write_is_refused(change):
    refused(signed({**CLAIMS, **change}))


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"\0" * 63, b"\xff" * 64, b"x" * 1000])
def test_a_signature_of_nothing_is_refused(signature):
    head, body, _ = TOKEN.split(".")
    refused(f"{head}.{body}.{encode(signature)}")


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        TOKEN + ".",
        TOKEN + "x" * 5000,
        TOKEN.replace(".", ".\n", 1),
        TOKEN[:-4],
        TOKEN.upper(),
        "\u0000" * 50,
        "{}.{}.{}",
        f"{encode([])}.{encode([])}.",
        f"{encode(b'[' * 2000)}.{encode({})}.",
    ],
)
def test_what_is_not_a_token_is_refused(token):
    refused(token)


def test_any_changed_character_of_the_payload_breaks_it():
    head, body, signature = TOKEN.split(".")
    for position in range(0, len(body), 7):
        other = "A" if body[position] != "A" else "B"
        refused(f"{head}.{body[:position]}{other}{body[position + 1 :]}.{signature}")

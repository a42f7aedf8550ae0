"""Access tokens: valid ones are accepted, everything else is TOKEN_INVALID."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm

from latchkey.domain.account import Role
from latchkey.domain.errors import TokenExpired, TokenInvalid
from latchkey.domain.limits import ACCESS_TOKEN_CLOCK_SKEW_SECONDS
from latchkey.domain.signing import KeyRing
from latchkey.domain.values import replace
from latchkey.security import jwt_encoding, lean_jwt_encoding
from latchkey.security.access_tokens import AccessTokenSigner
from latchkey.security.token_verification import AccessTokenVerifier
from tests.support.builders import NOW, a_session, an_account
from tests.support.keys import MemorySigningKeyStore

ISSUER = "https://accounts.test"
AUDIENCE = "latchkey"

KEYS = MemorySigningKeyStore()
KEY = KEYS.key_ring().keys[0]
PUBLIC = load_pem_private_key(KEY.private_pem.encode(), None).public_key()
SESSION = a_session(an_account())
SIGNER, LEAN_SIGNER = (
    AccessTokenSigner(
        KEYS.key_ring, encode, issuer=ISSUER, audience=AUDIENCE, lifetime=timedelta(minutes=10)
    )
    for encode in (jwt_encoding.encode, lean_jwt_encoding.encode)
)
VERIFIER = AccessTokenVerifier(
    KEYS.find_public, issuer=ISSUER, audience=AUDIENCE, lifetime=timedelta(minutes=10)
)
TOKEN = SIGNER.sign(SESSION, NOW)
CLAIMS = jwt.decode(TOKEN, options={"verify_signature": False})
SKEW = timedelta(seconds=ACCESS_TOKEN_CLOCK_SKEW_SECONDS)
ES256 = ECAlgorithm(ECAlgorithm.SHA256)


def encode(part):
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def signed(claims=CLAIMS, key=KEY.private_pem, algorithm="ES256", **header):
    headers = {"typ": "at+jwt", "kid": KEY.kid, **header}
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers)


def resigned(signing_input):
    """Sign any text with the service's key, as an attacker with the key can."""
    private = load_pem_private_key(KEY.private_pem.encode(), None)
    raw = ES256.sign(signing_input.encode(), private)
    return f"{signing_input}.{encode(raw)}"


def refused(token, now=NOW):
    with pytest.raises(TokenInvalid):
        VERIFIER.verify(token, now)


def test_valid_token_names_its_account_and_session():
    claims = VERIFIER.verify(TOKEN, NOW)
    assert (claims.account_id, claims.session_id) == (SESSION.account_id, SESSION.id)
    assert claims.generation == 1
    assert claims.authenticated_at == NOW.replace(microsecond=0)


def test_lean_token_is_that_of_pyjwt(monkeypatch):
    monkeypatch.setattr("os.urandom", lambda count: bytes(range(count)))
    for session in (SESSION, replace(SESSION, role=Role.ADMIN, generation=7)):
        token, lean = SIGNER.sign(session, NOW), LEAN_SIGNER.sign(session, NOW)
        assert lean.rpartition(".")[0] == token.rpartition(".")[0]
        assert VERIFIER.verify(lean, NOW) == VERIFIER.verify(token, NOW)
        public = ES256.from_jwk(KEY.public_jwk)
        options = {"verify_exp": False, "verify_iat": False}
        claims = jwt.decode(lean, public, ["ES256"], options=options, audience=AUDIENCE)
        assert claims["gen"] == session.generation


@settings(max_examples=25)
@given(text=st.text(max_size=50), number=st.integers())
def test_lean_encoding_of_any_claims_is_that_of_pyjwt(text, number):
    claims, headers = {"text": text, "number": number}, {"typ": "at+jwt", "kid": KEY.kid}
    lean = lean_jwt_encoding.encode(claims, KEY, headers)
    assert lean.rpartition(".")[0] == signed(claims).rpartition(".")[0]
    raw = base64.urlsafe_b64decode(lean.rpartition(".")[2] + "==")
    signing_input = lean.rpartition(".")[0].encode()
    assert len(raw) == 64
    assert ES256.verify(signing_input, ES256.from_jwk(KEY.public_jwk), raw)


@pytest.mark.parametrize("curve", [ec.SECP384R1(), None])
def test_lean_encoding_refuses_a_key_of_another_kind(curve):
    other = ec.generate_private_key(curve) if curve else rsa.generate_private_key(65537, 2048)
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(TypeError):
        lean_jwt_encoding.encode({}, replace(KEY, private_pem=pem), {})


def test_token_has_no_personal_data():
    expected = {"iss", "aud", "sub", "sid", "jti", "iat", "exp", "auth_time", "role", "gen"}
    assert set(CLAIMS) == expected
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", CLAIMS["jti"])  # 16 random bytes
    assert len(TOKEN) < 800


def test_token_expires_to_the_second_with_the_allowed_skew():
    ends = datetime.fromtimestamp(CLAIMS["exp"], UTC) + SKEW
    VERIFIER.verify(TOKEN, ends - timedelta(milliseconds=1))
    for now in (ends, ends + timedelta(days=400)):
        with pytest.raises(TokenExpired):
            VERIFIER.verify(TOKEN, now)
    refused(TOKEN, NOW - timedelta(minutes=1))


def test_one_verifier_accepts_the_tokens_of_every_published_key():
    store = MemorySigningKeyStore()
    (first,) = store.key_ring().keys
    second = MemorySigningKeyStore().key_ring().keys[0]
    store.replace(KeyRing(keys=(first, second)))
    settings = {"issuer": ISSUER, "audience": AUDIENCE, "lifetime": timedelta(minutes=10)}
    verifier = AccessTokenVerifier(store.find_public, **settings)
    for key in (first, second, first):
        token = signed(key=key.private_pem, kid=key.kid)
        assert verifier.verify(token, NOW).session_id == SESSION.id
    other_issuer = AccessTokenVerifier(
        store.find_public, **{**settings, "issuer": "https://a.test"}
    )
    with pytest.raises(TokenInvalid):
        other_issuer.verify(signed(key=first.private_pem, kid=first.kid), NOW)


def test_time_at_the_edge_of_the_skew_is_accepted():
    start = NOW.replace(microsecond=0)
    latest = int((start + SKEW).timestamp())
    claims = {**CLAIMS, "iat": latest, "exp": latest + 600}
    assert VERIFIER.verify(signed(claims), start).session_id == SESSION.id


# Signed with our key, but not by us: what a leaked key is good for --------------------------------


@pytest.mark.parametrize("claim", ["iat", "auth_time"])
def test_a_time_in_the_future_is_refused(claim):
    latest = int((NOW + SKEW).timestamp())
    exp = CLAIMS["exp"] if claim == "auth_time" else latest + 1
    VERIFIER.verify(signed({**CLAIMS, claim: latest, "exp": exp}), NOW)
    for late in (1, 60, 3 * 365 * 86400):
        refused(signed({**CLAIMS, claim: latest + late, "exp": exp}))


@pytest.mark.parametrize("seconds", [600, 630])
def test_token_with_the_configured_lifetime_is_accepted(seconds):
    VERIFIER.verify(signed({**CLAIMS, "exp": CLAIMS["iat"] + seconds}), NOW)


@pytest.mark.parametrize("seconds", [631, 3600, 3 * 365 * 86400])
@pytest.mark.parametrize("age", [0, 300, 86400])
def test_token_with_a_longer_lifetime_is_refused(seconds, age):
    issued = CLAIMS["iat"] - age
    refused(signed({**CLAIMS, "iat": issued, "exp": issued + seconds}))


ODD_NUMBERS = [-(2**63), 2**63, 2**63 - 1, 10**18, -1, 10**12, 253402300799, 253402300800, 10**300]
ODD_VALUES = [
    *ODD_NUMBERS,
    *(-number for number in ODD_NUMBERS if number > 0),
    0.0,
    float(CLAIMS["iat"]),
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    True,
    False,
    None,
    "",
    str(CLAIMS["iat"]),
    "2026-01-02T03:04:05Z",
    [],
    [CLAIMS["iat"]],
    {},
    {"a": {"b": [CLAIMS["iat"]]}},
]


@pytest.mark.parametrize("claim", sorted(set(CLAIMS) - {"jti", "role"}))
def test_odd_values_are_refused(claim):
    for value in ODD_VALUES:
        payload = encode(json.dumps({**CLAIMS, claim: value}).encode())
        head = TOKEN.split(".")[0]
        refused(resigned(f"{head}.{payload}"))


@pytest.mark.parametrize(
    "now", [datetime(1970, 1, 2, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)]
)
def test_any_clock_time_gives_a_result(now):
    for value in ODD_NUMBERS:
        token = signed({**CLAIMS, "iat": value, "exp": value, "auth_time": value})
        with pytest.raises((TokenInvalid, TokenExpired)):
            VERIFIER.verify(token, now)


@given(
    st.dictionaries(
        st.sampled_from(sorted(CLAIMS)),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(), part, max_size=3),
            max_leaves=5,
        ),
        min_size=1,
    )
)
@settings(max_examples=200, deadline=None)
def test_anything_signed_is_a_valid_access_token_or_refused(changes):
    head = TOKEN.split(".")[0]
    token = resigned(f"{head}.{encode(json.dumps({**CLAIMS, **changes}).encode())}")
    try:
        claims = VERIFIER.verify(token, NOW)
    except (TokenInvalid, TokenExpired):
        return
    # What is left are claims that nothing depends on, or that say the same in another way.
    assert claims.authenticated_at <= NOW + SKEW
    assert (claims.account_id, claims.session_id) == (SESSION.account_id, SESSION.id)


# Spellings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "respell",
    [
        lambda token: token + "==",
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: "\n" + token,
        lambda token: token + " ",
        lambda token: token + "\x00",
        lambda token: token.replace(".", "=.", 1),
        lambda token: token.replace(".", "\r\n.", 1),
        lambda token: token[:-10] + "\n" + token[-10:],
        lambda token: token[:-10] + "!" + token[-10:],
        lambda token: (
            token.replace("-", "+").replace("_", "/") + ("" if set("-_") & set(token) else "+")
        ),
        lambda token: token + "\u00e9",
        lambda token: token + "\ud800",
    ],
)
def test_token_has_one_encoding(respell):
    VERIFIER.verify(TOKEN, NOW)
    refused(respell(TOKEN))


def test_the_unused_bits_of_a_signature_are_zero():
    head, signature = TOKEN.rsplit(".", 1)
    decoded = base64.urlsafe_b64decode(signature + "==")
    twins = [
        signature[:-1] + last
        for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        if base64.urlsafe_b64decode(signature[:-1] + last + "==") == decoded
    ]
    assert len(twins) == 16
    assert signature in twins
    for twin in set(twins) - {signature}:
        refused(f"{head}.{twin}")


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "NONE", ""])
def test_unsigned_token_is_refused(algorithm):
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
def test_public_key_is_refused_as_a_shared_secret(secret, algorithm):
    head = encode({"typ": "at+jwt", "kid": KEY.kid, "alg": algorithm})
    signing_input = f"{head}.{encode(CLAIMS)}"
    digest = getattr(hashlib, f"sha{algorithm[2:]}")
    code = hmac.new(secret, signing_input.encode(), digest).digest()
    refused(f"{signing_input}.{encode(code)}")


def test_key_in_a_header_is_ignored():
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


def test_critical_header_is_refused():
    refused(signed(crit=["b64"], b64=False))
    refused(signed(crit=["urn:example:unknown"], **{"urn:example:unknown": True}))


@pytest.mark.parametrize("kind", ["JWT", "at+JWT ", "", None, "rt+jwt"])
def test_token_of_another_type_is_refused(kind):
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
def test_malformed_claim_is_refused(change):
    refused(signed({**CLAIMS, **change}))


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"\0" * 63, b"\xff" * 64, b"x" * 1000])
def test_empty_signature_is_refused(signature):
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
def test_malformed_token_is_refused(token):
    refused(token)


def test_changed_payload_is_refused():
    head, body, signature = TOKEN.split(".")
    for position in range(0, len(body), 7):
        other = "A" if body[position] != "A" else "B"
        refused(f"{head}.{body[:position]}{other}{body[position + 1 :]}.{signature}")


# Against PyJWT ------------------------------------------------------------------------------------


def accepted_by_pyjwt(token):
    """Return whether the library accepts the signature, the issuer, the audience and the form."""
    try:
        jwt.decode(
            token,
            PUBLIC,
            algorithms=["ES256"],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={
                "require": [*CLAIMS],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError):
        return False
    return True


def accepted(token):
    try:
        VERIFIER.verify(token, NOW)
    except TokenInvalid:
        return False
    return True


_ANY = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=20), st.lists(st.text(), max_size=2)
)


@settings(deadline=None)
@given(claims=st.dictionaries(st.sampled_from([*CLAIMS, "nbf", "x"]), _ANY, max_size=3))
def test_any_claims_that_pyjwt_refuses_are_refused(claims):
    token = resigned(
        f"{encode({'typ': 'at+jwt', 'alg': 'ES256', 'kid': KEY.kid})}."
        f"{encode({**CLAIMS, **claims})}"
    )
    assert accepted_by_pyjwt(token) or not accepted(token)


@settings(deadline=None)
@given(headers=st.dictionaries(st.sampled_from(["alg", "b64", "crit", "kid", "typ", "x"]), _ANY))
def test_any_header_that_pyjwt_refuses_is_refused(headers):
    header = {"typ": "at+jwt", "alg": "ES256", "kid": KEY.kid, **headers}
    token = resigned(f"{encode(header)}.{encode(CLAIMS)}")
    assert accepted_by_pyjwt(token) or not accepted(token)


@settings(deadline=None)
@given(signature=st.binary(min_size=62, max_size=66))
def test_any_signature_that_pyjwt_refuses_is_refused(signature):
    token = f"{TOKEN.rpartition('.')[0]}.{encode(signature)}"
    assert not accepted_by_pyjwt(token)
    assert not accepted(token)


@pytest.mark.parametrize("name", ["r", "s", "both"])
def test_signature_of_zeros_is_refused(name):
    raw = base64.urlsafe_b64decode(TOKEN.rpartition(".")[2] + "==")
    r, s = (
        b"\0" * 32 if name in {part, "both"} else value
        for part, value in (("r", raw[:32]), ("s", raw[32:]))
    )
    refused(f"{TOKEN.rpartition('.')[0]}.{encode(r + s)}")


@pytest.mark.parametrize(
    "change", [{"crv": "P-384"}, {"kty": "OKP"}, {"x": encode(b"\1" * 32)}, {"y": "!"}]
)
def test_published_key_of_another_kind_accepts_nothing(change):
    (jwk,) = KEYS.public_jwks()
    verifier = AccessTokenVerifier(
        lambda _: {**jwk, **change},
        issuer=ISSUER,
        audience=AUDIENCE,
        lifetime=timedelta(minutes=10),
    )
    with pytest.raises(TokenInvalid):
        verifier.verify(TOKEN, NOW)

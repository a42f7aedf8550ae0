"""Tokens of other issuers: the one kind of each preset is accepted, everything else is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import jwt
import pytest

from latchkey.domain.errors import TokenExpired, TokenInvalid
from latchkey.domain.ids import id_of_digest, is_id
from latchkey.domain.limits import (
    ACCESS_TOKEN_CLOCK_SKEW_SECONDS,
    EXTERNAL_TOKEN_LIFETIME_DEFAULT_SECONDS,
)
from latchkey.security import external_tokens
from latchkey.security.external_tokens import (
    ExternalTokenVerifier,
    external_digest,
    issuer_of,
    usable_jwk,
)
from tests.support.builders import NOW
from tests.support.issuer import ENTRIES, claims_of, encode, private_key, public_jwk, sign, trusted

PRESETS = list(ENTRIES)
ISSUERS = dict(zip(PRESETS, trusted(), strict=True))
SECOND = NOW.timestamp()
SKEW = ACCESS_TOKEN_CLOCK_SKEW_SECONDS
KEYS = [
    public_jwk("RSA", "key-1"),
    public_jwk("RSA", "rs-only", alg="RS256"),
    public_jwk("RSA", "ps-only", alg="PS256"),
    public_jwk("EC", "ec-1"),
    public_jwk("OKP", "ed-1"),
]
USABLE = {jwk["kid"]: usable_jwk(jwk) for jwk in KEYS}


def verify(token, preset="oidc", *, now=NOW, keys=USABLE):
    verifier = ExternalTokenVerifier(lambda _issuer, kid: keys.get(kid))
    return verifier.verify(token, ISSUERS[preset], now)


def refusal(token, preset="oidc", **options):
    with pytest.raises(TokenInvalid) as refused:
        verify(token, preset, **options)
    return refused.value.data["reason"]


@pytest.mark.parametrize("preset", PRESETS)
def test_token_of_each_preset_is_accepted(preset):
    found = verify(sign(claims_of(preset, SECOND)), preset)
    assert found.issuer is ISSUERS[preset]
    assert found.subject == "person-1"
    assert found.session == ("" if preset == "firebase" else "sign-in-1")
    assert found.authenticated_at.timestamp() == int(SECOND) - 60


def test_claims_of_a_person_are_read():
    found = verify(sign(claims_of("firebase", SECOND)), "firebase")
    assert (found.email, found.email_verified, found.name) == ("ada@example.com", True, "Ada")
    unverified = claims_of("firebase", SECOND, email_verified="false", name="a\nb", email=["x"])
    found = verify(sign(unverified), "firebase")
    assert (found.email, found.email_verified, found.name) == (None, False, None)


@pytest.mark.parametrize(
    ("kind", "kid", "algorithm"),
    [
        ("RSA", "key-1", "RS256"),
        ("RSA", "key-1", "PS256"),
        ("RSA", "rs-only", "RS256"),
        ("RSA", "ps-only", "PS256"),
        ("EC", "ec-1", "ES256"),
        ("OKP", "ed-1", "EdDSA"),
    ],
)
def test_each_algorithm_of_a_key_is_accepted(kind, kid, algorithm):
    assert verify(sign(claims_of("oidc", SECOND), kind, kid=kid, algorithm=algorithm))


@pytest.mark.parametrize(
    ("kind", "kid", "algorithm"),
    [
        ("RSA", "rs-only", "PS256"),
        ("RSA", "ps-only", "RS256"),
        ("RSA", "key-1", "RS384"),
        ("RSA", "key-1", "PS512"),
        ("RSA", "ec-1", "RS256"),
        ("RSA", "ed-1", "PS256"),
        ("EC", "key-1", "ES256"),
        ("OKP", "ec-1", "EdDSA"),
    ],
)
def test_algorithm_that_is_not_of_the_key_is_refused(kind, kid, algorithm):
    token = sign(claims_of("oidc", SECOND), kind, kid=kid, algorithm=algorithm)
    assert refusal(token) == "alg"


def test_unsigned_token_and_key_as_a_secret_are_refused():
    claims = claims_of("oidc", SECOND)
    for algorithm in ("none", "None", "NONE", ""):
        header = {"alg": algorithm, "typ": "at+jwt", "kid": "key-1"}
        assert refusal(f"{encode(header)}.{encode(claims)}.AA") == "alg"
        assert refusal(f"{encode(header)}.{encode(claims)}.") == "form"
    # The public key as the secret of an HMAC.
    content = f"{encode({'alg': 'HS256', 'typ': 'at+jwt', 'kid': 'key-1'})}.{encode(claims)}"
    secret = json.dumps(USABLE["key-1"]).encode()
    mac = base64.urlsafe_b64encode(hmac.digest(secret, content.encode(), hashlib.sha256))
    assert refusal(f"{content}.{mac.rstrip(b'=').decode()}") == "alg"


@pytest.mark.parametrize("kind", ["RSA", "EC", "OKP"])
def test_forged_tokens_are_refused(kind):
    kid = {"RSA": "key-1", "EC": "ec-1", "OKP": "ed-1"}[kind]
    good = sign(claims_of("oidc", SECOND), kind, kid=kid)
    header, _payload, signature = good.split(".")
    other = encode(claims_of("oidc", SECOND, sub="somebody-else"))
    assert refusal(f"{header}.{other}.{signature}")
    assert refusal(sign(claims_of("oidc", SECOND), kind, kid=kid, number=1))
    for cut in (signature[:-2], signature + "AA", "A" * len(signature)):
        assert refusal(good.rpartition(".")[0] + "." + cut)


@pytest.mark.parametrize("kind", ["RSA", "EC", "OKP"])
def test_token_has_one_form(kind):
    kid = {"RSA": "key-1", "EC": "ec-1", "OKP": "ed-1"}[kind]
    good = sign(claims_of("oidc", SECOND), kind, kid=kid)
    last = good[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = alphabet[alphabet.index(last) ^ 1]
    assert refusal(good[:-1] + other)
    assert refusal(good + "=") == "form"
    assert refusal(good + "\n") == "form"


def test_headers_that_bring_a_key_are_ignored():
    mine = public_jwk("RSA", "key-1", 1)
    for header in (
        {"jwk": mine},
        {"jku": "https://evil.example.com/jwks.json"},
        {"x5c": ["MIIB"], "x5u": "https://evil.example.com/"},
    ):
        forged = sign(claims_of("oidc", SECOND), number=1, headers=header)
        assert refusal(forged) == "InvalidSignature"
        assert verify(sign(claims_of("oidc", SECOND), headers=header))


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"zip": "DEF"}])
def test_headers_that_change_the_meaning_are_refused(header):
    assert refusal(sign(claims_of("oidc", SECOND), headers=header)) == "extension"


@pytest.mark.parametrize("kid", ["unknown", "", None, 7, "x" * 300])
def test_unknown_key_is_refused(kid):
    header = {"alg": "RS256", "typ": "at+jwt", "kid": kid}
    assert refusal(f"{encode(header)}.{encode(claims_of('oidc', SECOND))}.AA") == "kid"


# The kind of a token: what an issuer has also signed ------------------------------------------

SWAPPED = [
    # An ID token instead of an access token.
    ("cognito", {"token_use": "id", "aud": "web-client", "client_id": None}, {}, "kind"),
    ("cognito", {"token_use": "id"}, {}, "kind"),
    ("cognito", {"token_use": None}, {}, "kind"),
    ("cognito", {"aud": "web-client"}, {}, "kind"),
    ("auth0", {"nonce": "n"}, {}, "kind"),
    ("auth0", {"at_hash": "h"}, {}, "kind"),
    ("auth0", {"aud": "web-client"}, {}, "audience"),
    ("keycloak", {"typ": "ID"}, {}, "kind"),
    ("keycloak", {"typ": "Refresh"}, {}, "kind"),
    ("keycloak", {"typ": "Logout"}, {}, "kind"),
    ("keycloak", {"typ": None}, {}, "kind"),
    ("oidc", {}, {"typ": "JWT"}, "kind"),
    ("oidc", {}, {"typ": "logout+jwt"}, "kind"),
    ("oidc", {}, {"typ": None}, "kind"),
    ("oidc", {"nonce": "n"}, {}, "kind"),
    ("firebase", {"firebase": None}, {}, "kind"),
    ("firebase", {}, {"typ": "at+jwt"}, "kind"),
    # A token for another client or API.
    ("cognito", {"client_id": "other-client"}, {}, "client"),
    ("cognito", {"client_id": None}, {}, "client"),
    ("firebase", {"aud": "other-project"}, {}, "audience"),
    ("firebase", {"aud": ["demo-project", "other"]}, {}, "audience"),
    ("firebase", {"aud": None}, {}, "audience"),
    ("auth0", {"aud": ["https://other.example.com"]}, {}, "audience"),
    ("auth0", {"aud": {"https://api.example.com": 1}}, {}, "audience"),
    ("keycloak", {"azp": "other-client"}, {}, "client"),
    ("keycloak", {"azp": "other-client", "client_id": "web-client"}, {}, "client"),
    ("keycloak", {"aud": "account"}, {}, "audience"),
    ("oidc", {"aud": "web-client"}, {}, "audience"),
    # A token without a person.
    ("cognito", {"username": None}, {}, "no person"),
    ("cognito", {"sub": "web-client"}, {}, "no person"),
    ("auth0", {"gty": "client-credentials"}, {}, "no person"),
    ("auth0", {"sub": "web-client@clients"}, {}, "no person"),
    ("keycloak", {"preferred_username": "service-account-web-client"}, {}, "no person"),
    ("oidc", {"sub": "web-client"}, {}, "no person"),
    ("firebase", {"user_id": "somebody-else"}, {}, "no person"),
    # A token without what names the sign-in.
    ("cognito", {"origin_jti": None}, {}, "KeyError"),
    ("keycloak", {"sid": None}, {}, "KeyError"),
    ("oidc", {"sid": ["a"]}, {}, "TypeError"),
    ("oidc", {"sid": ""}, {}, "ValueError"),
    ("oidc", {"sid": "x" * 256}, {}, "ValueError"),
    ("oidc", {"auth_time": None}, {}, "KeyError"),
    ("auth0", {"https://example.com/auth_time": "yesterday"}, {}, "TypeError"),
    ("firebase", {"auth_time": None}, {}, "KeyError"),
    ("oidc", {"sub": None}, {}, "KeyError"),
    ("oidc", {"sub": ""}, {}, "ValueError"),
    ("oidc", {"sub": 7}, {}, "TypeError"),
    ("firebase", {"sub": "x" * 129, "user_id": "x" * 129}, {}, "ValueError"),
]


@pytest.mark.parametrize(("preset", "changed", "headers", "reason"), SWAPPED)
def test_genuine_token_of_another_kind_is_refused(preset, changed, headers, reason):
    token = sign(claims_of(preset, SECOND, **changed), headers=headers)
    assert refusal(token, preset) == reason


def test_other_type_of_a_plain_issuer_is_accepted_when_configured():
    import dataclasses  # noqa: PLC0415 - only here

    issuer = dataclasses.replace(ISSUERS["oidc"], token_type="JWT")
    verifier = ExternalTokenVerifier(lambda _issuer, kid: USABLE.get(kid))
    token = sign(claims_of("oidc", SECOND), headers={"typ": "JWT"})
    assert verifier.verify(token, issuer, NOW).subject == "person-1"
    with pytest.raises(TokenInvalid):
        verifier.verify(sign(claims_of("oidc", SECOND)), issuer, NOW)


def test_firebase_token_needs_no_type():
    token = sign(claims_of("firebase", SECOND), headers={"typ": None})
    assert verify(token, "firebase").subject == "person-1"


def test_keys_and_tokens_of_another_issuer_are_refused():
    token = sign(claims_of("keycloak", SECOND))
    assert refusal(token, "oidc") == "issuer"
    # The same person and the right claims, but the other issuer's key has another kid.
    pool = sign(claims_of("cognito", SECOND), number=1, kid="other-pool")
    assert refusal(pool, "cognito") == "kid"
    pool = sign(claims_of("cognito", SECOND), number=1, kid="key-1")
    assert refusal(pool, "cognito") == "InvalidSignature"


# Times ---------------------------------------------------------------------------------------


def test_expired_token_is_expired_after_the_leeway():
    token = sign(claims_of("oidc", SECOND))
    expires = int(SECOND) + 300
    assert verify(token, now=datetime.fromtimestamp(expires + SKEW - 1, UTC))
    with pytest.raises(TokenExpired):
        verify(token, now=datetime.fromtimestamp(expires + SKEW, UTC))


@pytest.mark.parametrize("name", ["iat", "nbf", "auth_time"])
def test_time_in_the_future_is_refused(name):
    within = claims_of("oidc", SECOND, **{name: int(SECOND) + SKEW})
    assert verify(sign(within))
    assert refusal(sign({**within, name: int(SECOND) + SKEW + 2})) == "future"


def test_longer_life_than_configured_is_refused():
    longest = int(SECOND) + EXTERNAL_TOKEN_LIFETIME_DEFAULT_SECONDS + SKEW
    assert verify(sign(claims_of("oidc", SECOND, exp=longest)))
    assert refusal(sign(claims_of("oidc", SECOND, exp=longest + 1))) == "lifetime"


@pytest.mark.parametrize("name", ["iat", "exp", "auth_time", "nbf"])
@pytest.mark.parametrize("value", ["1", 1.5, True, -1, 10**20, [1], {}])
def test_time_that_is_no_second_is_refused(name, value):
    claims = claims_of("oidc", SECOND)
    claims[name] = value
    header = encode({"alg": "RS256", "typ": "at+jwt", "kid": "key-1"})
    content = f"{header}.{encode(claims)}"
    raw = jwt.get_algorithm_by_name("RS256").sign(content.encode(), private_key("RSA", 0))
    signature = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert refusal(f"{content}.{signature}") in {"ValueError", "TypeError"}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "a.b.c.d",
        "a.b.c",
        "!!.b.c",
        f"{encode([])}.{encode({})}.AA",
        f"{encode({})}.{encode(7)}.AA",
        "A" * 9000,
        "eyJhIjoxfQ." + "W" * 100 + ".AA",
    ],
)
def test_text_that_is_no_token_is_refused(token):
    assert refusal(token)
    assert issuer_of(token) is None


def test_issuer_is_read_without_verifying():
    assert issuer_of(sign(claims_of("oidc", SECOND))) == ISSUERS["oidc"].issuer
    assert issuer_of(f"{encode({})}.{encode({'iss': 7})}.AA") is None


# Keys ----------------------------------------------------------------------------------------


def test_only_what_is_needed_of_a_key_is_kept():
    published = public_jwk("RSA", "k", alg="RS256", x5c=["MIIB"], x5t="x", crv="P-256x")
    assert usable_jwk(published) is None  # a curve of an RSA key
    published = public_jwk("RSA", "k", alg="RS256", x5c=["MIIB"], x5t="x", d="private")
    usable = usable_jwk(published)
    assert usable is not None
    assert set(usable) == {"kid", "kty", "alg", "n", "e"}


@pytest.mark.parametrize(
    "jwk",
    [
        None,
        [],
        {},
        public_jwk("RSA1024", "k"),
        public_jwk("RSA", "k", use="enc"),
        public_jwk("RSA", "k", key_ops=["sign"]),
        public_jwk("RSA", "k", key_ops="verify"),
        public_jwk("RSA", "k", alg="RSA-OAEP"),
        public_jwk("RSA", "k", alg="HS256"),
        public_jwk("RSA", "k", alg="ES256"),
        public_jwk("RSA", ""),
        {name: text for name, text in public_jwk("RSA", "k").items() if name != "kid"},
        public_jwk("RSA", "k" * 201),
        {**public_jwk("RSA", "k"), "kid": 7},
        public_jwk("RSA", "k", n="AQAB"),
        public_jwk("RSA", "k", e="AA"),
        public_jwk("RSA", "k", e="AQAAAAAB"),
        public_jwk("EC", "k", crv="P-384"),
        public_jwk("EC", "k", x="AAAA", y="AAAA"),
        public_jwk("OKP", "k", crv="X25519"),
        public_jwk("OKP", "k", x="AAAA"),
        {"kty": "oct", "kid": "k", "k": "c2VjcmV0"},
    ],
)
def test_key_that_cannot_sign_tokens_is_not_used(jwk):
    assert usable_jwk(jwk) is None


def test_exponent_of_an_rsa_key_has_at_most_32_bits():
    assert usable_jwk(public_jwk("RSA", "k", e="_____w"))
    assert usable_jwk(public_jwk("RSA", "k", e="AQAAAAE")) is None


def test_each_key_is_loaded_once(monkeypatch):
    of_issuer = {
        ISSUERS[preset].id: usable_jwk(public_jwk("RSA", "key-1", number))
        for number, preset in enumerate(("oidc", "keycloak"))
    }
    loaded = []
    load = external_tokens.load_key
    monkeypatch.setattr(external_tokens, "load_key", lambda *key: loaded.append(key) or load(*key))
    verifier = ExternalTokenVerifier(lambda issuer, _kid: of_issuer[issuer.id])
    for _ in range(2):
        for number, preset in enumerate(("oidc", "keycloak")):
            token = sign(claims_of(preset, SECOND), number=number)
            assert verifier.verify(token, ISSUERS[preset], NOW)
    assert len(loaded) == 2


def test_replaced_key_of_the_same_id_is_noticed():
    keys = dict(USABLE)
    verifier = ExternalTokenVerifier(lambda _issuer, kid: keys.get(kid))
    old, new = sign(claims_of("oidc", SECOND)), sign(claims_of("oidc", SECOND), number=1)
    assert verifier.verify(old, ISSUERS["oidc"], NOW)
    keys["key-1"] = usable_jwk(public_jwk("RSA", "key-1", 1))
    assert verifier.verify(new, ISSUERS["oidc"], NOW)
    with pytest.raises(TokenInvalid):
        verifier.verify(old, ISSUERS["oidc"], NOW)


# Ids -----------------------------------------------------------------------------------------


def test_ids_depend_on_each_part_and_on_the_salt():
    digests = {
        external_digest(salt, *parts)
        for salt in (b"a" * 32, b"b" * 32)
        for parts in (("x", "yz"), ("xy", "z"), ("x", "y", "z"), ("xyz",), ("1:x",), ("x", ""))
    }
    assert len(digests) == 12
    assert all(is_id("usr", id_of_digest("usr", digest)) for digest in digests)
    assert len({id_of_digest("usr", digest) for digest in digests}) == 12
    assert id_of_digest("usr", b"\xff" * 16) == "usr_7zzzzzzzzzzzzzzzzzzzzzzzzz"

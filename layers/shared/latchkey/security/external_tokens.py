"""Verifies tokens of other issuers: the kind that each preset has, and no other.

A token is verified with the keys that were fetched from its issuer (`flows.issuer_keys`). The key
decides about the algorithm, and the header has to agree. Headers that name or contain keys are
ignored. This module is loaded only in stacks that trust issuers.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from latchkey.domain.errors import TokenExpired, TokenInvalid
from latchkey.domain.issuers import ExternalClaims, Preset
from latchkey.domain.limits import (
    ACCESS_TOKEN_CLOCK_SKEW_SECONDS,
    EXTERNAL_CLAIM_MAX_CHARACTERS,
    EXTERNAL_RSA_MAX_BITS,
    EXTERNAL_RSA_MIN_BITS,
    EXTERNAL_SUBJECT_MAX_CHARACTERS,
    EXTERNAL_TOKEN_MAX_CHARACTERS,
    FIREBASE_SUBJECT_MAX_CHARACTERS,
)
from latchkey.security.token_verification import (
    TOKEN_FORM,
    decode_base64url,
    read_es256_signature,
    read_object,
    read_second,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from latchkey.domain.issuers import TrustedIssuer

type Jwk = Mapping[str, str]
type Verify = Callable[[str, bytes], None]
"""Verifies an encoded signature of some content. Raises InvalidSignature or ValueError."""

type FindKey = Callable[[TrustedIssuer, str], Jwk | None]
"""Returns a key of an issuer by its id, or None."""

ALGORITHMS = {
    ("RSA", ""): ("RS256", "PS256"),
    ("EC", "P-256"): ("ES256",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
"""The algorithms of a key, by its type and curve."""

_KEY_FIELDS = {"RSA": ("n", "e"), "EC": ("x", "y"), "OKP": ("x",)}
_KID_MAX_CHARACTERS = 200
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_EXTENSIONS = {"b64", "crit", "zip"}
_AT_JWT = ("at+jwt", "application/at+jwt")
_ID_TOKEN_CLAIMS = ("nonce", "at_hash", "c_hash", "s_hash")
"""Claims that only ID tokens have. Source: OpenID Connect Core 1.0."""

_PARSED_MAX = 256


class ExternalTokenVerifier:
    """Verifies tokens of trusted issuers."""

    def __init__(self, find_key: FindKey) -> None:
        """Verify with the keys that this function returns."""
        self._find_key = find_key
        self._parsed: dict[tuple[str, str, str], tuple[Jwk, Verify]] = {}

    def verify(self, token: str, issuer: TrustedIssuer, now: datetime) -> ExternalClaims:
        """Verify form, signature, kind, audience, person and times.

        issuer  whose `iss` the token names

        Raises TokenInvalid, and TokenExpired for a genuine token that has expired.
        """
        match = TOKEN_FORM.fullmatch(token)
        if match is None or len(token) > EXTERNAL_TOKEN_MAX_CHARACTERS:
            raise TokenInvalid(reason="form")
        try:
            headers = read_object(match[1])
            claims = read_object(match[2])
            if claims.get("iss") != issuer.issuer:
                raise TokenInvalid(reason="issuer")
            if not _EXTENSIONS.isdisjoint(headers):
                raise TokenInvalid(reason="extension")
            verify = self._key(issuer, headers)
            verify(match[3], token.rpartition(".")[0].encode())
            _require_kind(issuer, headers, claims)
            _require_audience(issuer, claims)
            verified = _person(issuer, claims)
            times = _times(issuer, claims)
        except (
            InvalidSignature,
            UnsupportedAlgorithm,
            KeyError,
            ValueError,
            TypeError,
            RecursionError,
        ) as error:
            raise TokenInvalid(reason=type(error).__name__) from error
        _require_times(issuer, times, now)
        return verified

    def _key(self, issuer: TrustedIssuer, headers: dict[str, Any]) -> Verify:
        kid, algorithm = headers.get("kid"), headers.get("alg")
        if not isinstance(kid, str) or not 0 < len(kid) <= _KID_MAX_CHARACTERS:
            raise TokenInvalid(reason="kid")
        jwk = self._find_key(issuer, kid)
        if jwk is None:
            raise TokenInvalid(reason="kid")
        allowed = (jwk["alg"],) if "alg" in jwk else ALGORITHMS[jwk["kty"], jwk.get("crv", "")]
        if not isinstance(algorithm, str) or algorithm not in allowed:
            raise TokenInvalid(reason="alg")
        place = (issuer.id, kid, algorithm)
        known, verify = self._parsed.get(place, (None, None))
        if verify is None or known != jwk:
            if len(self._parsed) >= _PARSED_MAX:
                self._parsed.clear()
            verify = load_key(jwk, algorithm)
            self._parsed[place] = (jwk, verify)
        return verify


def issuer_of(token: str) -> str | None:
    """Return the `iss` that a token names, unverified. None for another text."""
    match = TOKEN_FORM.fullmatch(token)
    if match is None:
        return None
    try:
        issuer = read_object(match[2]).get("iss")
    except (ValueError, TypeError, RecursionError):
        return None
    return issuer if isinstance(issuer, str) else None


# Keys ----------------------------------------------------------------------------------------


def usable_jwk(jwk: object) -> dict[str, str] | None:
    """Return what is needed of a published key, or None if it does not sign tokens for us.

    Certificates (`x5c`), addresses of keys (`x5u`) and everything else is left out.
    """
    if not isinstance(jwk, dict):
        return None
    names = ("kid", "kty", "crv", "alg", "n", "e", "x", "y")
    found = {name: jwk[name] for name in names if jwk.get(name) is not None}
    if not all(isinstance(text, str) for text in found.values()):
        return None
    kind = (found.get("kty", ""), found.get("crv", ""))
    if kind not in ALGORITHMS or found.get("alg", ALGORITHMS[kind][0]) not in ALGORITHMS[kind]:
        return None
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list):
        return None
    if "verify" not in operations or not 0 < len(found.get("kid", "")) <= _KID_MAX_CHARACTERS:
        return None
    kept = {"kid", "kty", "crv", "alg", *_KEY_FIELDS[kind[0]]}
    usable = {name: text for name, text in found.items() if name in kept}
    try:
        load_key(usable, usable.get("alg", ALGORITHMS[kind][0]))
    except (KeyError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return usable


def load_key(jwk: Jwk, algorithm: str) -> Verify:
    """Load a key for one of its algorithms. Raises ValueError or KeyError for a wrong key.

    Classes are imported for the keys that are used, because each import costs a cold start.
    """
    match jwk["kty"]:
        case "RSA":
            return _load_rsa(jwk, algorithm)
        case "EC":
            return _load_ec(jwk)
        case _:
            return _load_ed25519(jwk)


def _load_rsa(jwk: Jwk, algorithm: str) -> Verify:
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

    modulus, exponent = (int.from_bytes(_bytes(jwk[name])) for name in ("n", "e"))
    if not EXTERNAL_RSA_MIN_BITS <= modulus.bit_length() <= EXTERNAL_RSA_MAX_BITS:
        raise ValueError(modulus.bit_length())
    if exponent.bit_length() > 32:  # noqa: PLR2004 - a longer one only makes verifying slow
        raise ValueError(exponent.bit_length())
    key = RSAPublicNumbers(exponent, modulus).public_key()
    digest = SHA256()
    padding = PKCS1v15() if algorithm == "RS256" else PSS(MGF1(digest), digest.digest_size)

    def verify(signature: str, content: bytes) -> None:
        key.verify(_bytes(signature), content, padding, digest)

    return verify


def _load_ec(jwk: Jwk) -> Verify:
    from cryptography.hazmat.primitives.asymmetric.ec import (  # noqa: PLC0415
        ECDSA,
        SECP256R1,
        EllipticCurvePublicNumbers,
    )
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

    x, y = (int.from_bytes(_bytes(jwk[name])) for name in ("x", "y"))
    # Raises ValueError for a point that is not on the curve.
    key = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    algorithm = ECDSA(SHA256())

    def verify(signature: str, content: bytes) -> None:
        key.verify(read_es256_signature(signature), content, algorithm)

    return verify


def _load_ed25519(jwk: Jwk) -> Verify:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    key = Ed25519PublicKey.from_public_bytes(_bytes(jwk["x"]))

    def verify(signature: str, content: bytes) -> None:
        key.verify(_bytes(signature), content)

    return verify


def _bytes(text: str) -> bytes:
    """Decode base 64 in its canonical form, so that a token has one form only."""
    raw = decode_base64url(text)
    canonical = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    if canonical != text or _BASE64URL.fullmatch(text) is None:
        raise ValueError(text[-1:])
    return raw


# Claims --------------------------------------------------------------------------------------


def _require_kind(issuer: TrustedIssuer, headers: dict[str, Any], claims: dict[str, Any]) -> None:
    """Raise TokenInvalid unless the token is of the kind that this preset accepts.

    An ID token has the signature, the issuer and the times of an access token. Only its kind and
    its audience keep it out. A token without a person, such as of the client credentials grant, has
    the right kind and is refused here, too.
    """
    if not _has_kind(issuer, headers.get("typ"), claims):
        raise TokenInvalid(reason="kind")
    if not _has_person(issuer.preset, claims):
        raise TokenInvalid(reason="no person")


def _has_kind(issuer: TrustedIssuer, header_type: object, claims: dict[str, Any]) -> bool:
    match issuer.preset:
        case Preset.COGNITO:
            return claims.get("token_use") == "access" and "aud" not in claims
        case Preset.FIREBASE:
            return header_type in (None, "JWT") and isinstance(claims.get("firebase"), dict)
        case Preset.AUTH0:
            return header_type in ("JWT", *_AT_JWT) and not _is_id_token(claims)
        case Preset.KEYCLOAK:
            return claims.get("typ") == "Bearer"
        case Preset.OIDC:
            types = _AT_JWT if issuer.token_type == "at+jwt" else (None, "JWT")  # noqa: S105
            return header_type in types and not _is_id_token(claims)


def _has_person(preset: Preset, claims: dict[str, Any]) -> bool:
    subject = claims.get("sub")
    match preset:
        case Preset.COGNITO:
            # A token of client credentials has neither a username nor a subject of its own.
            return "username" in claims and claims.get("client_id") != subject
        case Preset.FIREBASE:
            return bool(claims.get("user_id", subject) == subject)
        case Preset.AUTH0:
            is_client = str(subject).endswith("@clients")
            return claims.get("gty") != "client-credentials" and not is_client
        case Preset.KEYCLOAK:
            return not str(claims.get("preferred_username")).startswith("service-account-")
        case Preset.OIDC:
            return bool(claims.get("client_id", claims.get("azp")) != subject)


def _is_id_token(claims: dict[str, Any]) -> bool:
    return any(name in claims for name in _ID_TOKEN_CLAIMS)


def _require_audience(issuer: TrustedIssuer, claims: dict[str, Any]) -> None:
    if issuer.audiences:
        named = claims.get("aud")
        found = named if isinstance(named, list) else [named]
        if not any(isinstance(name, str) and name in issuer.audiences for name in found):
            raise TokenInvalid(reason="audience")
        if issuer.preset is Preset.FIREBASE and isinstance(named, list):
            raise TokenInvalid(reason="audience")
    if issuer.clients:
        # Keycloak also has `client_id` in some tokens; `azp` is the client that got the token.
        first, second = "client_id", "azp"
        if issuer.preset is Preset.KEYCLOAK:
            first, second = second, first
        client = claims.get(first, claims.get(second))
        if not isinstance(client, str) or client not in issuer.clients:
            raise TokenInvalid(reason="client")


def _person(issuer: TrustedIssuer, claims: dict[str, Any]) -> ExternalClaims:
    names = issuer.claims
    is_firebase = issuer.preset is Preset.FIREBASE
    limit = FIREBASE_SUBJECT_MAX_CHARACTERS if is_firebase else EXTERNAL_SUBJECT_MAX_CHARACTERS
    authenticated_at = read_second(claims[names.auth_time])
    session = ""
    if names.session:
        session = _text(claims[names.session], EXTERNAL_CLAIM_MAX_CHARACTERS)
    return ExternalClaims(
        issuer=issuer,
        subject=_text(claims["sub"], limit),
        session=session,
        authenticated_at=datetime.fromtimestamp(authenticated_at, UTC),
        email=_shown(claims.get(names.email)),
        # Some issuers send a text.
        email_verified=claims.get(names.email_verified) in (True, "true"),
        name=_shown(claims.get(names.name)),
    )


def _times(issuer: TrustedIssuer, claims: dict[str, Any]) -> tuple[int, int, int, int]:
    issued_at, expires_at = read_second(claims["iat"]), read_second(claims["exp"])
    not_before = read_second(claims.get("nbf", issued_at))
    return issued_at, not_before, read_second(claims[issuer.claims.auth_time]), expires_at


def _require_times(issuer: TrustedIssuer, times: tuple[int, int, int, int], now: datetime) -> None:
    """Raise unless the times are possible: none in the future, and no longer life than allowed."""
    issued_at, not_before, authenticated_at, expires_at = times
    skew, second = ACCESS_TOKEN_CLOCK_SKEW_SECONDS, now.timestamp()
    if max(issued_at, not_before, authenticated_at) > second + skew:
        raise TokenInvalid(reason="future")
    if expires_at - issued_at > issuer.lifetime_seconds + skew:
        raise TokenInvalid(reason="lifetime")
    if second >= expires_at + skew:
        raise TokenExpired


def _text(value: object, limit: int) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    value.encode()  # ValueError for a lone surrogate
    if not 0 < len(value) <= limit:
        raise ValueError(len(value))
    return value


def _shown(value: object) -> str | None:
    """Return a claim that is only shown, or None if it is not usable."""
    try:
        text = _text(value, EXTERNAL_CLAIM_MAX_CHARACTERS)
    except (TypeError, ValueError):
        return None
    return text if text.isprintable() else None


# Ids -----------------------------------------------------------------------------------------


def external_digest(salt: bytes, *parts: str) -> bytes:
    """Return 16 bytes for ids of an identity and its sessions (`domain.ids.id_of_digest`).

    Keyed with the deployment's salt, so that nobody else can compute whose id it is. The length of
    each part is included, so that no two lists of parts are equal.
    """
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.blake2b(text.encode(), key=salt, digest_size=16).digest()

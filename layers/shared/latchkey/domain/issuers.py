"""Trusted issuers: whose tokens this service accepts, and what these tokens must look like.

The parameter `TrustedIssuers` is parsed and validated once, when it is deployed. The result is
stored as a document, which the authorizer reads.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeIs
from urllib.parse import urlsplit

from latchkey.domain.limits import (
    EXTERNAL_TOKEN_LIFETIME_DEFAULT_SECONDS,
    EXTERNAL_TOKEN_LIFETIME_MAX_SECONDS,
    TRUSTED_ISSUERS_MAX,
)
from latchkey.domain.values import dataclass, field_names, replace

if TYPE_CHECKING:
    from datetime import datetime


class Preset(StrEnum):
    """The product that issues the tokens. Each has one kind of token that is accepted."""

    COGNITO = "cognito"
    FIREBASE = "firebase"
    AUTH0 = "auth0"
    KEYCLOAK = "keycloak"
    OIDC = "oidc"


class InvalidIssuers(ValueError):
    """The parameter is wrong. The message is for the deployer: it names the entry and the field."""


class NotFetchedError(Exception):
    """A document could not be fetched. The text says why, without content of the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimNames:
    """The names of the claims that are used.

    session    the sign-in, the same in all tokens that follow from it. Empty: the issuer has none,
               and `sub` with `auth_time` takes its place
    auth_time  when the person authenticated, in seconds since 1970
    """

    session: str = ""
    auth_time: str = "auth_time"
    email: str = "email"
    email_verified: str = "email_verified"
    name: str = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """One issuer, as the deployer configured it and its preset completed it.

    issuer      the exact `iss` of its tokens
    audiences   accepted `aud`; a token needs one of them. Empty: not checked
    clients     accepted clients (`client_id` or `azp`). Empty: not checked
    keys        the address of its keys (JWKS). Empty: by discovery
    token_type  the accepted `typ` of the header, for the preset `oidc`
    lifetime_seconds  the longest accepted time between `iat` and `exp`
    """

    issuer: str
    preset: Preset
    audiences: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    keys: str = ""
    token_type: str = "at+jwt"  # noqa: S105 - a type
    lifetime_seconds: int = EXTERNAL_TOKEN_LIFETIME_DEFAULT_SECONDS
    claims: ClaimNames = ClaimNames()

    @property
    def id(self) -> str:
        """A short name for keys in storage."""
        return hashlib.sha256(self.issuer.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class IssuerKeys:
    """The public keys (JWKs) of an issuer, and when they were fetched."""

    keys: tuple[dict[str, str], ...]
    fetched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What the authorizer knows of the issuers, in one read.

    issuers  by their `iss`
    keys     by the id of the issuer; an issuer whose keys were never fetched has none
    salt     keys the digests of which ids are made
    """

    issuers: dict[str, TrustedIssuer]
    keys: dict[str, IssuerKeys]
    salt: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalClaims:
    """The claims of a verified token of another issuer.

    session  what the issuer calls the sign-in; empty if it has no name for it
    """

    issuer: TrustedIssuer
    subject: str
    session: str
    authenticated_at: datetime
    email: str | None = None
    email_verified: bool = False
    name: str | None = None


# The parameter -------------------------------------------------------------------------------

_FIREBASE = "https://securetoken.google.com/"
_FIREBASE_KEYS = (
    "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
)
_COGNITO = re.compile(
    r"https://cognito-idp\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?/\1_[A-Za-z0-9]{1,55}"
)
_SESSION_CLAIMS = {Preset.COGNITO: "origin_jti", Preset.KEYCLOAK: "sid", Preset.OIDC: "sid"}
_PATHS_OF_KEYS = {
    Preset.COGNITO: "/.well-known/jwks.json",
    Preset.KEYCLOAK: "/protocol/openid-connect/certs",
}
_FIELDS = set(field_names(TrustedIssuer))
_TOKEN_TYPES = {"at+jwt", "JWT"}
_TEXT_MAX_CHARACTERS = 256
_LIFETIMES = range(60, EXTERNAL_TOKEN_LIFETIME_MAX_SECONDS + 1)


def parse_trusted_issuers(text: str, *, loopback: bool = False) -> tuple[TrustedIssuer, ...]:
    """Parse the parameter. Raises InvalidIssuers with a message for the deployer.

    loopback  whether addresses on this machine may be without TLS, for the local stack
    """
    if not text.strip():
        return ()
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        msg = "TrustedIssuers is not valid JSON"
        raise InvalidIssuers(msg) from None
    if not isinstance(entries, list) or not 1 <= len(entries) <= TRUSTED_ISSUERS_MAX:
        msg = f"TrustedIssuers must be a list of 1 to {TRUSTED_ISSUERS_MAX} issuers"
        raise InvalidIssuers(msg)
    issuers = tuple(
        _Entry(f"TrustedIssuers[{number}]", entry, loopback=loopback).read()
        for number, entry in enumerate(entries)
    )
    names = [issuer.issuer for issuer in issuers]
    for number, name in enumerate(names):
        if name in names[:number]:
            msg = f"TrustedIssuers[{number}].issuer is there twice"
            raise InvalidIssuers(msg)
    return issuers


class _Entry:
    """One entry of the parameter, and its name in messages."""

    def __init__(self, place: str, entry: Any, *, loopback: bool) -> None:
        self._place = place
        self._loopback = loopback
        if not isinstance(entry, dict):
            raise self._wrong("", "must be an object")
        self._entry = entry

    def read(self) -> TrustedIssuer:
        for name in self._entry:
            if name not in _FIELDS:
                raise self._wrong(name, f"is unknown. Use {', '.join(sorted(_FIELDS))}")
        preset = self._preset()
        address = self._address("issuer")
        lifetime = self._entry.get("lifetime_seconds", EXTERNAL_TOKEN_LIFETIME_DEFAULT_SECONDS)
        if type(lifetime) is not int or lifetime not in _LIFETIMES:
            first, last = _LIFETIMES[0], _LIFETIMES[-1]
            raise self._wrong("lifetime_seconds", f"must be a number from {first} to {last}")
        token_type = self._entry.get("token_type", "at+jwt")
        if token_type not in _TOKEN_TYPES:
            raise self._wrong("token_type", f"must be one of {', '.join(sorted(_TOKEN_TYPES))}")
        if "token_type" in self._entry and preset is not Preset.OIDC:
            raise self._wrong("token_type", "is only for the preset oidc")
        issuer = TrustedIssuer(
            issuer=address,
            preset=preset,
            audiences=self._texts("audiences"),
            clients=self._texts("clients"),
            keys=self._address("keys") if self._entry.get("keys") else "",
            token_type=token_type,
            lifetime_seconds=lifetime,
            claims=self._claims(preset),
        )
        return self._completed(issuer)

    def _preset(self) -> Preset:
        try:
            return Preset(str(self._entry.get("preset")))
        except ValueError:
            raise self._wrong("preset", f"must be one of {', '.join(Preset)}") from None

    def _completed(self, issuer: TrustedIssuer) -> TrustedIssuer:
        """Apply what the preset requires and what it knows."""
        match issuer.preset:
            case Preset.COGNITO:
                self._require_cognito(issuer)
            case Preset.FIREBASE:
                return self._completed_firebase(issuer)
            case Preset.AUTH0 | Preset.OIDC:
                self._require(issuer, "audiences", "the identifiers of your APIs")
            case Preset.KEYCLOAK:
                if "/realms/" not in issuer.issuer:
                    raise self._wrong("issuer", "must be https://<host>/realms/<realm>")
                if not issuer.audiences:
                    self._require(issuer, "clients", "the clients of the realm, or audiences")
        path = _PATHS_OF_KEYS.get(issuer.preset)
        if not issuer.keys and path is not None:
            return replace(issuer, keys=issuer.issuer + path)
        return issuer

    def _require_cognito(self, issuer: TrustedIssuer) -> None:
        if _COGNITO.fullmatch(issuer.issuer) is None:
            form = "https://cognito-idp.<region>.amazonaws.com/<user pool>"
            raise self._wrong("issuer", f"must be {form}")
        self._require(issuer, "clients", "the app clients of the user pool")
        if issuer.audiences:
            raise self._wrong("audiences", "are not in Cognito's access tokens")

    def _completed_firebase(self, issuer: TrustedIssuer) -> TrustedIssuer:
        project = issuer.issuer.removeprefix(_FIREBASE)
        if project == issuer.issuer or re.fullmatch(r"[a-z0-9:.-]+", project) is None:
            raise self._wrong("issuer", f"must be {_FIREBASE}<project>")
        if issuer.audiences not in {(), (project,)}:
            raise self._wrong("audiences", f"must be the project, {project}")
        if issuer.clients:
            raise self._wrong("clients", "are not in Firebase's tokens")
        if issuer.claims.session:
            raise self._wrong("claims.session", "is not in Firebase's tokens")
        return replace(issuer, audiences=(project,), keys=issuer.keys or _FIREBASE_KEYS)

    def _require(self, issuer: TrustedIssuer, name: str, what: str) -> None:
        if not getattr(issuer, name):
            raise self._wrong(name, f"is missing. Name {what}")

    def _claims(self, preset: Preset) -> ClaimNames:
        given = self._entry.get("claims", {})
        known = set(field_names(ClaimNames))
        if not isinstance(given, dict):
            raise self._wrong("claims", "must be an object")
        for name, text in given.items():
            if name not in known:
                raise self._wrong(f"claims.{name}", f"is unknown. Use {', '.join(sorted(known))}")
            # Only the session can be missing in tokens.
            if not isinstance(text, str) or len(text) > _TEXT_MAX_CHARACTERS:
                raise self._wrong(f"claims.{name}", "must be the name of a claim")
            if not text and name != "session":
                raise self._wrong(f"claims.{name}", "must be the name of a claim")
        return ClaimNames(**{"session": _SESSION_CLAIMS.get(preset, ""), **given})

    def _texts(self, name: str) -> tuple[str, ...]:
        texts = self._entry.get(name, [])
        if not isinstance(texts, list) or not all(_is_text(text) for text in texts):
            raise self._wrong(name, "must be a list of texts")
        return tuple(texts)

    def _address(self, name: str) -> str:
        given = self._entry.get(name)
        text = given if _is_text(given) else ""
        problem = address_problem(text, loopback=self._loopback)
        if problem is not None:
            raise self._wrong(name, problem)
        return text

    def _wrong(self, name: str, message: str) -> InvalidIssuers:
        return InvalidIssuers(f"{self._place}{'.' if name else ''}{name} {message}")


def address_problem(address: str, *, loopback: bool) -> str | None:
    """Return what is wrong with the address of an issuer or its keys, or None."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "must be an address"
    del port  # only read, because reading it raises for a wrong one
    if not parts.scheme:
        return "must be an address"
    if not host or parts.username is not None or parts.query or parts.fragment:
        return "must be an address without a user, a query and a fragment"
    if parts.scheme == "https" or (parts.scheme == "http" and loopback and _is_loopback(host)):
        return None
    return "must be an https address"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_text(text: object) -> TypeIs[str]:
    return (
        isinstance(text, str)
        and 0 < len(text) <= _TEXT_MAX_CHARACTERS
        and text.isprintable()
        and " " not in text
    )


# The stored document -------------------------------------------------------------------------


def dump_issuers(issuers: tuple[TrustedIssuer, ...]) -> str:
    """Encode issuers for `load_issuers`."""
    return json.dumps(
        [
            {
                **{name: getattr(issuer, name) for name in field_names(TrustedIssuer)},
                "claims": {name: getattr(issuer.claims, name) for name in field_names(ClaimNames)},
            }
            for issuer in issuers
        ]
    )


def load_issuers(text: str) -> tuple[TrustedIssuer, ...]:
    """Decode issuers that were validated when they were stored."""
    return tuple(
        TrustedIssuer(
            **{
                **{name: value for name, value in entry.items() if name in _FIELDS},
                "preset": Preset(entry["preset"]),
                "audiences": tuple(entry["audiences"]),
                "clients": tuple(entry["clients"]),
                "claims": ClaimNames(**entry["claims"]),
            }
        )
        for entry in json.loads(text)
    )

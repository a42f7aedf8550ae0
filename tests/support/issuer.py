"""An issuer of the tests: its keys, its tokens in the form of each preset, and wrong ones."""

from __future__ import annotations

import base64
import json
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, override

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from latchkey.domain.issuers import TrustedIssuer, parse_trusted_issuers

COGNITO = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123"
FIREBASE = "https://securetoken.google.com/demo-project"
AUTH0 = "https://tenant.eu.auth0.com/"
KEYCLOAK = "https://id.example.com/realms/shop"
OIDC = "https://op.example.com"

ENTRIES: dict[str, dict[str, Any]] = {
    "cognito": {"issuer": COGNITO, "preset": "cognito", "clients": ["web-client"]},
    "firebase": {"issuer": FIREBASE, "preset": "firebase"},
    "auth0": {
        "issuer": AUTH0,
        "preset": "auth0",
        "audiences": ["https://api.example.com"],
        "claims": {
            "session": "https://example.com/session",
            "auth_time": "https://example.com/auth_time",
        },
    },
    "keycloak": {
        "issuer": KEYCLOAK,
        "preset": "keycloak",
        "clients": ["web-client"],
        "audiences": ["shop-api"],
    },
    "oidc": {"issuer": OIDC, "preset": "oidc", "audiences": ["https://api.example.com"]},
}


def trusted(*presets: str) -> tuple[TrustedIssuer, ...]:
    """Return the issuers of some presets, as a deployment parses them."""
    return parse_trusted_issuers(json.dumps([ENTRIES[name] for name in presets or ENTRIES]))


@cache
def private_key(kind: str, number: int) -> Any:
    """Return a key pair; `number` makes another one of the same kind."""
    del number
    match kind:
        case "EC":
            return ec.generate_private_key(ec.SECP256R1())
        case "OKP":
            return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, int(kind.removeprefix("RSA") or "2048"))


def public_jwk(kind: str, kid: str, number: int = 0, **fields: Any) -> dict[str, Any]:
    """Return a public key as an issuer publishes it."""
    key = private_key(kind, number).public_key()
    match kind:
        case "EC":
            jwk = ECAlgorithm.to_jwk(key, as_dict=True)
        case "OKP":
            jwk = OKPAlgorithm.to_jwk(key, as_dict=True)
        case _:
            jwk = RSAAlgorithm.to_jwk(key, as_dict=True)
    jwk.pop("key_ops", None)
    return {**jwk, "kid": kid, "use": "sig", **fields}


def claims_of(preset: str, now: float, **changed: Any) -> dict[str, Any]:
    """Return the claims of a person's token. A change to None removes a claim."""
    second = int(now)
    common = {"iat": second, "exp": second + 300, "sub": "person-1", "jti": "token-1"}
    signed_in = {"auth_time": second - 60}
    of_preset: dict[str, dict[str, Any]] = {
        "cognito": {
            "iss": COGNITO,
            "token_use": "access",
            "client_id": "web-client",
            "username": "person-1",
            "origin_jti": "sign-in-1",
            **signed_in,
        },
        "firebase": {
            "iss": FIREBASE,
            "aud": "demo-project",
            "user_id": "person-1",
            "email": "ada@example.com",
            "email_verified": True,
            "name": "Ada",
            "firebase": {"identities": {}, "sign_in_provider": "password"},
            **signed_in,
        },
        "auth0": {
            "iss": AUTH0,
            "aud": ["https://api.example.com", f"{AUTH0}userinfo"],
            "azp": "web-client",
            "https://example.com/session": "sign-in-1",
            "https://example.com/auth_time": second - 60,
        },
        "keycloak": {
            "iss": KEYCLOAK,
            "aud": ["account", "shop-api"],
            "typ": "Bearer",
            "azp": "web-client",
            "sid": "sign-in-1",
            "preferred_username": "ada",
            **signed_in,
        },
        "oidc": {
            "iss": OIDC,
            "aud": "https://api.example.com",
            "client_id": "web-client",
            "sid": "sign-in-1",
            **signed_in,
        },
    }
    claims = {**common, **of_preset[preset], **changed}
    return {name: value for name, value in claims.items() if value is not None}


def sign(
    claims: dict[str, Any],
    kind: str = "RSA",
    *,
    kid: str = "key-1",
    number: int = 0,
    algorithm: str | None = None,
    headers: dict[str, Any] | None = None,
) -> str:
    """Sign claims as an issuer does."""
    algorithm = algorithm or {"EC": "ES256", "OKP": "EdDSA"}.get(kind, "RS256")
    header = {"kid": kid, "typ": "at+jwt" if claims.get("iss") == OIDC else "JWT"}
    header |= headers or {}
    return jwt.encode(claims, private_key(kind, number), algorithm=algorithm, headers=header)


def encode(part: Any) -> str:
    """Encode a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


class IssuerServer:
    """An HTTP server on the loopback that publishes documents, by path."""

    def __init__(self) -> None:
        """Start it on a free port, without documents."""
        self.documents: dict[str, Any] = {}
        self.requests: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the name is the base class's
                server.requests.append(self.path)
                document = server.documents.get(self.path, 404)
                status, headers = (document, {}) if isinstance(document, int) else (200, {})
                if isinstance(document, tuple):
                    status, headers = document
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                for name, text in headers.items():
                    self.send_header(name, text)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                for start in range(0, len(body), server.chunk_bytes):
                    self.wfile.write(body[start : start + server.chunk_bytes])
                    self.wfile.flush()
                    time.sleep(server.pause_seconds)

            @override
            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self.chunk_bytes = 1 << 20
        self.pause_seconds = 0.0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()


class PublishedKeys:
    """The documents of an issuer without a server: its keys, at any address."""

    def fetch(self, address: object) -> dict[str, Any]:
        """Return the keys."""
        assert address
        return {"keys": [public_jwk("RSA", "key-1")]}


class IssuerClient:
    """A person's device that signs in at an issuer and calls the service with its tokens."""

    def __init__(self, service: Any, preset: str, **changed: Any) -> None:
        """Sign in a minute ago, with the claims of the preset."""
        self.service = service
        self.preset = preset
        self.claims = claims_of(preset, service.clock.now().timestamp(), **changed)

    def request(
        self,
        method: str,
        path: str,
        *,
        claims: dict[str, Any] | None = None,
        kid: str = "key-1",
        **options: Any,
    ) -> Any:
        """Send a request with the present token."""
        token = sign(claims or self.claims, kid=kid)
        return self.service.request(method, path, token=token, **options)

    def get(self, path: str, **options: Any) -> Any:
        """Read something."""
        return self.request("GET", path, **options)

    def refresh(self) -> None:
        """Get a new token for the same sign-in, with the refresh token of the issuer."""
        second = int(self.service.clock.now().timestamp())
        self.claims |= {"iat": second, "exp": second + 300, "jti": f"token-{second}"}

    def step_up(self) -> None:
        """Authenticate again in the same sign-in."""
        self.refresh()
        self.claims[self._auth_time] = self.claims["iat"]

    def sign_in(self, session: str) -> None:
        """Sign in anew."""
        self.step_up()
        name = self._session
        if name is not None:
            self.claims[name] = session

    def device(self, session: str) -> IssuerClient:
        """Sign the same person in on another device."""
        other = IssuerClient(self.service, self.preset)
        other.sign_in(session)
        return other

    @property
    def _auth_time(self) -> str:
        return "https://example.com/auth_time" if self.preset == "auth0" else "auth_time"

    @property
    def _session(self) -> str | None:
        names = {"cognito": "origin_jti", "auth0": "https://example.com/session", "firebase": None}
        return names.get(self.preset, "sid")

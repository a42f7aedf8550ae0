"""Checks without an account: the API, the page, their headers, and the CDN."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import httpx

from tools.smoke.walk import Failed, Skipped, expect, expect_error, expect_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.smoke.walk import Walk

ME = "/api/v1/users/me"
HEALTH = "/api/v1/health"
JWKS = "/.well-known/jwks.json"
FOREIGN = "https://elsewhere.example"
LINK_PATHS = (
    "/verify-email",
    "/reset-password",
    "/undo-email-change",
    "/not-me",
    "/restore-account",
)
"""The paths of emailed links."""

LARGE_BODY_BYTES = 1_000_000
CDN_TRIES = 3
COMPRESSED = {"gzip", "br", "zstd"}


def health(walk: Walk) -> str:
    """The API responds, and its responses are not cached."""
    answer = walk.request("GET", HEALTH)
    expect_status(answer, 200)
    healthy = {"success": True, "data": {"status": "ok"}}
    expect(answer.json() == healthy, f"the body is {answer.text}")
    expect(answer.headers.get("x-request-id"), "there is no x-request-id")
    _expect_header(answer, "cache-control", "no-store")
    _expect_header(answer, "x-content-type-options", "nosniff")
    return f"{walk.milliseconds:.0f} ms"


def public_keys(walk: Walk) -> str:
    """The public keys are published without private keys."""
    answer = walk.request("GET", JWKS)
    expect_status(answer, 200)
    keys = answer.json()["keys"]
    expect(keys, "there is no key")
    for key in keys:
        expect((key["kty"], key["alg"]) == ("EC", "ES256"), f"{key['kid']} is {key['alg']}")
        expect("d" not in key, f"{key['kid']} shows its private half")
    return f"{len(keys)} keys"


def transport(walk: Walk) -> str:
    """TLS 1.2 or newer. Plain HTTP redirects or is refused."""
    if walk.is_local:
        raise Skipped("a local stack has no TLS")
    host = urlsplit(walk.base_url).netloc
    try:
        plain = walk.client.get(f"http://{host}/", follow_redirects=False)
    except httpx.HTTPError:
        plain = None
    if plain is not None:
        location = plain.headers.get("location", "")
        expect(
            plain.status_code in {301, 302, 307, 308, 403} and not location.startswith("http://"),
            f"http://{host}/ answers {plain.status_code} {location}",
        )
    answer = walk.request("GET", HEALTH)
    _expect_header(answer, "strict-transport-security", "max-age=")
    stream = answer.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream else None
    if isinstance(tls, ssl.SSLObject | ssl.SSLSocket):
        expect(tls.version() in {"TLSv1.2", "TLSv1.3"}, f"the TLS version is {tls.version()}")
        return str(tls.version())
    return ""


def page(walk: Walk) -> str:
    """The page is served, and its scripts and styles have the right types."""
    html = _page(walk)
    names = re.findall(r'(?:src|href)="([^"]+)"', html.text)
    expect(names, "the page loads nothing")
    kinds = {".js": "javascript", ".css": "text/css", ".svg": "image/svg"}
    for name in names:
        asset = walk.request("GET", urljoin(f"{walk.base_url}/", name))
        expect_status(asset, 200)
        suffix = name[name.rfind(".") :]
        _expect_header(asset, "content-type", kinds.get(suffix, ""))
    return f"{len(names)} assets"


def page_headers(walk: Walk) -> None:
    """The page's headers allow no foreign content."""
    answer = _page(walk)
    policy = answer.headers.get("content-security-policy", "")
    for directive in (
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
    ):
        expect(directive in policy, f"its Content-Security-Policy lacks {directive}: {policy!r}")
    expect("unsafe" not in policy, f"its Content-Security-Policy allows more: {policy!r}")
    _expect_header(answer, "x-content-type-options", "nosniff")
    _expect_header(answer, "referrer-policy", "no-referrer")
    _expect_header(answer, "cross-origin-opener-policy", "same-origin")
    _expect_header(answer, "cache-control", "no-cache")
    if not walk.is_local:
        _expect_header(answer, "strict-transport-security", "max-age=")


def mail_links(walk: Walk) -> None:
    """Emailed links open the page."""
    html = _page(walk).text
    for path in LINK_PATHS:
        answer = walk.request("GET", path)
        expect_status(answer, 200)
        expect(answer.text == html, f"{path} is not the page")


def missing_file(walk: Walk) -> None:
    """A missing file is an error and not the page."""
    _page(walk)
    answer = walk.request("GET", "/assets/not-there.js")
    expect_status(answer, 403, 404)


def compression(walk: Walk) -> str:
    """The CDN compresses responses, and ETags stay strong."""
    html = _page(walk)
    if not walk.has_cdn:
        raise Skipped("there is no CDN before this stack")
    name = next(n for n in re.findall(r'src="([^"]+)"', html.text) if n.endswith(".js"))
    for _ in range(CDN_TRIES):
        answer = walk.request("GET", name, headers={"accept-encoding": "gzip"})
        encoding = str(answer.headers.get("content-encoding", ""))
        if encoding in COMPRESSED:
            return encoding
        walk.pause(1)
    raise Failed(f"{name} is not compressed")


def unknown_route(walk: Walk) -> None:
    """An unknown route is a 404 in JSON and not the page."""
    answer = walk.request("GET", "/api/v1/there-is-no-such-thing")
    expect_status(answer, 404)
    _expect_header(answer, "content-type", "application/json")


def typed_401(walk: Walk) -> None:
    """A request without a session gets the reason, in the envelope and in WWW-Authenticate."""
    missing = walk.request("GET", ME)
    expect_error(missing, 401, "TOKEN_MISSING")
    _expect_challenge(missing, "Bearer")
    invalid = walk.request("GET", ME, token="x")  # noqa: S106 - it is no token
    expect_error(invalid, 401, "TOKEN_INVALID")
    _expect_challenge(invalid, 'error="invalid_token"')


def large_body(walk: Walk) -> None:
    """A body of a megabyte is refused in the envelope."""
    body = {"email": "x" * LARGE_BODY_BYTES, "password": "x"}
    expect_error(walk.request("POST", "/api/v1/auth/login", json=body), 400, "VALIDATION_ERROR")


def cross_origin(walk: Walk) -> None:
    """Other origins may not call the API."""
    answer = walk.request(
        "OPTIONS",
        ME,
        headers={
            "origin": FOREIGN,
            "access-control-request-method": "GET",
            "access-control-request-headers": "authorization",
        },
    )
    allowed = answer.headers.get("access-control-allow-origin")
    expect(allowed not in {"*", FOREIGN}, f"{FOREIGN} is allowed: {allowed}")


def errors_not_cached(walk: Walk) -> None:
    """Errors are not cached."""
    if not walk.has_cdn:
        raise Skipped("there is no CDN before this stack")
    for path in ("/api/v1/auth/not-me?token=x", "/api/v1/there-is-no-such-thing", ME):
        for _ in range(2):
            answer = walk.request("GET", path)
            expect(answer.status_code >= 400, f"{path} answers {answer.status_code}")  # noqa: PLR2004
            age, cache = answer.headers.get("age", "0"), answer.headers.get("x-cache", "")
            expect(
                age == "0" and "hit" not in cache.lower(),
                f"{path} comes from the cache (age {age}, {cache!r})",
            )


def api_without_cdn(walk: Walk) -> None:
    """Requests can't bypass the CDN, its WAF and its headers."""
    bare = walk.options.api_url.rstrip("/")
    if not bare:
        raise Skipped("give API_URL, or STACK with credentials, to try the API without the CDN")
    if bare == walk.base_url:
        raise Skipped("this stack has no CDN: its API is what people use")
    host = urlsplit(bare).netloc
    if host.partition(":")[0].endswith(".localhost"):
        # A local API. Not every resolver maps these names to the loopback address (RFC 6761).
        bare = bare.replace(host, f"127.0.0.1:{host.partition(':')[2]}")
    answer = walk.request("GET", f"{bare}{HEALTH}", headers={"host": host})
    expect_status(answer, 403, 404)


def release(walk: Walk) -> str:
    """The aliases name the versions of the deployed release."""
    published = walk.options.published
    if not published:
        raise Skipped("give STACK with credentials that may read its functions")
    old = sorted(name for name, found in published.items() if found != walk.options.release)
    expect(not old, f"an older release answers for {', '.join(old)}")
    return f"{len(published)} functions of release {walk.options.release}"


def _page(walk: Walk) -> httpx.Response:
    answer = walk.request("GET", "/")
    if answer.status_code == 404 and "json" in answer.headers.get("content-type", ""):  # noqa: PLR2004
        raise Skipped("this stack serves no page (ServePage)")
    expect_status(answer, 200)
    expect("<latchkey-page" in answer.text, "/ is not the page: run `make publish-page`")
    return answer


def _expect_header(answer: httpx.Response, name: str, expected: str) -> None:
    found = answer.headers.get(name)
    expect(
        found is not None and expected in found,
        f"{answer.request.url.path} has {name}: {found!r}, without {expected!r}",
    )


def _expect_challenge(answer: httpx.Response, expected: str) -> None:
    renamed = answer.headers.get("x-amzn-remapped-www-authenticate")
    expect(renamed is None, "API Gateway has renamed WWW-Authenticate to x-amzn-remapped-…")
    _expect_header(answer, "www-authenticate", expected)


FRONT: dict[str, Callable[[Walk], str | None]] = {
    "health": health,
    "public-keys": public_keys,
    "transport": transport,
    "page": page,
    "page-headers": page_headers,
    "mail-links": mail_links,
    "missing-file": missing_file,
    "compression": compression,
    "unknown-route": unknown_route,
    "typed-401": typed_401,
    "large-body": large_body,
    "cross-origin": cross_origin,
    "errors-not-cached": errors_not_cached,
    "api-without-cdn": api_without_cdn,
    "release": release,
}

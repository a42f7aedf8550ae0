"""Interprets the template's PageDistribution: forwarded headers, caching, added headers.

Supports only what template.yaml uses. An unknown property raises, so that the local edge can't
ignore it. Sources: CloudFront Developer Guide, "Control the cache key with a policy",
"Control origin requests with a policy", "How CloudFront processes HTTP status codes".
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tools.intrinsics import Resolver

ERROR_SECONDS = 10
"""Seconds that an error is cached by default."""

ALWAYS_KEPT = frozenset({404, 414, 500, 501, 502, 503, 504})
"""Errors that are cached without a Cache-Control header."""

COMPRESSED_BYTES = range(1_000, 10_000_001)
COMPRESSED_TYPES = frozenset(
    {"application/json", "text/css", "text/html", "text/javascript", "image/svg+xml"}
)
"""The types of the page and the API that CloudFront compresses."""

KEPT_IF_ASKED = frozenset({400, 403, 405, 412, 415})
"""Errors that are cached if their Cache-Control says so."""

HOST_HEADER = "x-latchkey-host"
_GENERATED = "cloudfront-"
_FIRST_ERROR = 400


class UnknownPropertyError(Exception):
    """The template uses a property that is not interpreted here."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """The viewer, as CloudFront sees it.

    place  CloudFront-Viewer-City and similar, if known
    """

    address: str
    port: int
    place: Mapping[str, str] = field(default_factory=dict)

    def generated(self) -> dict[str, str]:
        """Return the viewer headers that CloudFront can add, with names in lower case."""
        place = {name.lower(): value for name, value in self.place.items()}
        return {"cloudfront-viewer-address": f"{self.address}:{self.port}", **place}


@dataclass(slots=True)
class Request:
    """A viewer's request, which a CloudFront Function may change."""

    uri: str
    query: str
    headers: CIMultiDict[str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of an origin."""

    status: int
    headers: CIMultiDict[str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Behavior:
    """A cache behavior with its policies.

    headers      passed on, and part of the cache key
    others       whether other headers pass: "none", or "allExcept" those of `held_back`
    cookies      whether they pass (never in the key)
    query        whether it passes, and whether it is part of the key
    ttl          smallest, default and largest seconds that an answer is kept
    functions    logical ids of the functions that see the request first
    compresses   whether answers are compressed for viewers that take gzip
    added        headers of answers: name, value, and whether it replaces the origin's
    """

    pattern: re.Pattern[str]
    origin: str
    methods: frozenset[str]
    headers: tuple[str, ...]
    others: str
    held_back: frozenset[str]
    cookies: bool
    query_passed: bool
    query_in_key: bool
    ttl: tuple[int, int, int]
    functions: tuple[str, ...]
    compresses: bool
    added: tuple[tuple[str, str, bool], ...]

    def key(self, request: Request) -> tuple[str, ...]:
        """Return the cache key."""
        query = request.query if self.query_in_key else ""
        return (request.uri, query, *(request.headers.get(name, "") for name in self.headers))


class Distribution:
    """A distribution of the template."""

    def __init__(self, resolver: Resolver, name: str = "PageDistribution") -> None:
        """Parse it from the template. Raises UnknownPropertyError."""
        self._resolver = resolver
        config = resolver.properties(name)["DistributionConfig"]
        _known(config, _DISTRIBUTION)
        self._error_seconds: dict[int, int] = {
            error["ErrorCode"]: error["ErrorCachingMinTTL"]
            for error in config.get("CustomErrorResponses", [])
        }
        self._origin_headers = {
            origin["Id"]: {
                header["HeaderName"]: header["HeaderValue"]
                for header in origin.get("OriginCustomHeaders", [])
            }
            for origin in config["Origins"]
        }
        default = self._behavior(config["DefaultCacheBehavior"], "*")
        others = [self._behavior(each, each["PathPattern"]) for each in config["CacheBehaviors"]]
        self.behaviors = [*others, default]

    def behavior(self, path: str) -> Behavior:
        """Return the first behavior whose pattern matches a path."""
        return next(each for each in self.behaviors if each.pattern.fullmatch(path))

    def enter(self, behavior: Behavior, request: Request, viewer: Viewer) -> None:
        """Run the behavior's functions, and add the viewer headers of the policies."""
        for function in behavior.functions:
            FUNCTIONS[function](request)
        generated = viewer.generated()
        for name in behavior.headers:
            if name.lower().startswith(_GENERATED):
                request.headers.popall(name, None)
                if name.lower() in generated:
                    request.headers[name] = generated[name.lower()]

    def origin_headers(
        self, behavior: Behavior, request: Request, viewer: Viewer
    ) -> CIMultiDict[str]:
        """Return the request to the origin. Call `enter` before."""
        named = {name.lower() for name in behavior.headers}
        passed = CIMultiDict[str]()
        for name, value in request.headers.items():
            lower = name.lower()
            if lower == "cookie":
                keeps = behavior.cookies
            elif lower in {"x-forwarded-for", "accept-encoding"}:
                keeps = True
            else:
                rest = behavior.others == "allExcept" and lower not in behavior.held_back
                keeps = lower in named or rest
            if keeps:
                passed.add(name, value)
        passed.setdefault("User-Agent", "Amazon CloudFront")
        forwarded_for = [*passed.popall("X-Forwarded-For", []), viewer.address]
        passed["X-Forwarded-For"] = ", ".join(forwarded_for)
        for name, value in self._origin_headers[behavior.origin].items():
            passed[name] = value  # replaces a header of the client
        return passed

    def answer_headers(self, behavior: Behavior, answer: Answer) -> CIMultiDict[str]:
        """Return the headers of a response to the viewer."""
        headers = CIMultiDict(answer.headers)
        for name, value, overrides in behavior.added:
            if overrides or name not in headers:
                headers[name] = value
        return headers

    def compressed(self, behavior: Behavior, answer: Answer, accepted: str) -> Answer:
        """Compress a response if the viewer accepts it. A strong ETag becomes weak.

        Source: CloudFront Developer Guide, "Serve compressed files".
        """
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        fits = len(answer.body) in COMPRESSED_BYTES and kind in COMPRESSED_TYPES
        done = "Content-Encoding" in answer.headers
        if not (behavior.compresses and fits and "gzip" in accepted) or done:
            return answer
        headers = CIMultiDict(answer.headers)
        headers["Content-Encoding"] = "gzip"
        headers.add("Vary", "Accept-Encoding")
        if headers.get("ETag", "").startswith('"'):
            headers["ETag"] = f"W/{headers['ETag']}"
        return Answer(answer.status, headers, gzip.compress(answer.body))

    def kept_seconds(self, behavior: Behavior, answer: Answer) -> int:
        """Return how long a response to a GET is cached."""
        control = answer.headers.get("Cache-Control", "").lower()
        asked = _asked_seconds(control)
        if answer.status >= _FIRST_ERROR:
            if answer.status not in ALWAYS_KEPT and not (asked and answer.status in KEPT_IF_ASKED):
                return 0
            # The origin's no-store does not shorten the time.
            return max(self._error_seconds.get(answer.status, ERROR_SECONDS), asked or 0)
        smallest, default, largest = behavior.ttl
        if re.search(r"no-store|no-cache|private", control):
            return smallest
        return min(max(default if asked is None else asked, smallest), largest)

    def _behavior(self, found: dict[str, Any], pattern: str) -> Behavior:
        _known(found, _BEHAVIOR)
        cache = self._policy(found["CachePolicyId"], "CachePolicyConfig")
        keyed = cache["ParametersInCacheKeyAndForwardedToOrigin"]
        _known(keyed, _KEYED)
        _is_one_of(keyed["CookiesConfig"]["CookieBehavior"], "none")
        passed: dict[str, Any] = _NOTHING
        if "OriginRequestPolicyId" in found:
            passed = self._policy(found["OriginRequestPolicyId"], "OriginRequestPolicyConfig")
        _known(passed, _PASSED)
        others = passed["HeadersConfig"]
        return Behavior(
            pattern=_pattern(pattern),
            origin=found["TargetOriginId"],
            methods=frozenset(found.get("AllowedMethods", ["GET", "HEAD"])),
            headers=tuple(_names(keyed["HeadersConfig"], "whitelist")),
            others=_is_one_of(others["HeaderBehavior"], "none", "allExcept"),
            held_back=frozenset(name.lower() for name in _names(others, "allExcept")),
            cookies=_all(passed["CookiesConfig"]["CookieBehavior"]),
            query_passed=_all(passed["QueryStringsConfig"]["QueryStringBehavior"])
            or _all(keyed["QueryStringsConfig"]["QueryStringBehavior"]),
            query_in_key=_all(keyed["QueryStringsConfig"]["QueryStringBehavior"]),
            ttl=(cache["MinTTL"], cache["DefaultTTL"], cache["MaxTTL"]),
            functions=tuple(self._functions(found)),
            compresses=found.get("Compress", False) and keyed["EnableAcceptEncodingGzip"],
            added=tuple(self._added(found.get("ResponseHeadersPolicyId"))),
        )

    def _policy(self, name: str, config: str) -> dict[str, Any]:
        found: dict[str, Any] = self._resolver.properties(name)[config]
        return found

    def _functions(self, behavior: dict[str, Any]) -> list[str]:
        names = []
        for each in behavior.get("FunctionAssociations", []):
            _is_one_of(each["EventType"], "viewer-request")
            names.append(each["FunctionARN"].partition(".")[0])
        return names

    def _added(self, policy: str | None) -> list[tuple[str, str, bool]]:
        if policy is None:
            return []
        return response_headers(self._resolver, policy)


def response_headers(resolver: Resolver, policy: str) -> list[tuple[str, str, bool]]:
    """Return the headers that a response headers policy adds: name, value, whether it overrides."""
    config = resolver.properties(policy)["ResponseHeadersPolicyConfig"]
    _known(config, {"Name", "SecurityHeadersConfig", "CustomHeadersConfig"})
    added = []
    for kind, each in config["SecurityHeadersConfig"].items():
        if kind not in _SECURITY:
            raise UnknownPropertyError(kind)
        name, value = _SECURITY[kind]
        added.append((name, value(each), bool(each["Override"])))
    custom = config["CustomHeadersConfig"]["Items"]
    return added + [(each["Header"], each["Value"], bool(each["Override"])) for each in custom]


def _page_routes(request: Request) -> None:
    if "." not in request.uri:
        request.uri = "/index.html"


def _viewer_host(request: Request) -> None:
    request.headers[HOST_HEADER] = request.headers["Host"]


FUNCTIONS: Mapping[str, Callable[[Request], None]] = {
    "PageRoutes": _page_routes,
    "ViewerHost": _viewer_host,
}
"""The template's CloudFront Functions in Python. A test compares them with the JavaScript."""


def _strict_transport(config: dict[str, Any]) -> str:
    subdomains = "; includeSubDomains" if config.get("IncludeSubdomains") else ""
    return f"max-age={config['AccessControlMaxAgeSec']}{subdomains}"


_SECURITY: Mapping[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "ContentSecurityPolicy": ("Content-Security-Policy", lambda c: str(c["ContentSecurityPolicy"])),
    "ContentTypeOptions": ("X-Content-Type-Options", lambda _: "nosniff"),
    "ReferrerPolicy": ("Referrer-Policy", lambda c: str(c["ReferrerPolicy"])),
    "StrictTransportSecurity": ("Strict-Transport-Security", _strict_transport),
}
_DISTRIBUTION = {
    *("Aliases", "CacheBehaviors", "Comment", "CustomErrorResponses", "DefaultCacheBehavior"),
    *("DefaultRootObject", "Enabled", "HttpVersion", "IPV6Enabled", "Origins"),
    *("ViewerCertificate", "WebACLId"),
}
_BEHAVIOR = {
    *("AllowedMethods", "CachePolicyId", "Compress", "FunctionAssociations"),
    *("OriginRequestPolicyId", "PathPattern", "ResponseHeadersPolicyId", "TargetOriginId"),
    "ViewerProtocolPolicy",
}
_KEYED = {
    *("CookiesConfig", "EnableAcceptEncodingBrotli", "EnableAcceptEncodingGzip"),
    *("HeadersConfig", "QueryStringsConfig"),
}
_PASSED = {"CookiesConfig", "HeadersConfig", "Name", "QueryStringsConfig"}
_NOTHING = {
    "CookiesConfig": {"CookieBehavior": "none"},
    "HeadersConfig": {"HeaderBehavior": "none"},
    "QueryStringsConfig": {"QueryStringBehavior": "none"},
}


def _known(found: Mapping[str, Any], names: set[str]) -> None:
    unknown = sorted(set(found) - names)
    if unknown:
        raise UnknownPropertyError(", ".join(unknown))


def _is_one_of(value: str, *known: str) -> str:
    if value not in known:
        raise UnknownPropertyError(value)
    return value


def _all(behavior: str) -> bool:
    return _is_one_of(behavior, "none", "all") == "all"


def _names(config: Mapping[str, Any], behavior: str) -> list[str]:
    if _is_one_of(config["HeaderBehavior"], "none", behavior) == "none":
        return []
    names: list[str] = config["Headers"]
    return names


def _pattern(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(c, re.escape(c)) for c in pattern), re.DOTALL)


def _asked_seconds(control: str) -> int | None:
    for name in ("s-maxage", "max-age"):
        match = re.search(rf"(?:^|[\s,]){name}=(\d+)", control)
        if match:
            return int(match[1])
    return None

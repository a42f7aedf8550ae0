"""The template's CloudFront: forwarded headers, caching, and added headers."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from datetime import timedelta
from typing import Any

import pytest
from multidict import CIMultiDict

from latchkey.domain.avatar import AvatarUpload, PictureType
from latchkey.http import request as http_request
from latchkey.http import viewer as http_viewer
from latchkey.storage import boto_client
from latchkey.storage.media import MediaBucket
from tests.support.builders import NOW
from tools.intrinsics import Resolver
from tools.local.cloudfront import (
    ALWAYS_KEPT,
    FUNCTIONS,
    HOST_HEADER,
    Answer,
    Distribution,
    Request,
    UnknownPropertyError,
    Viewer,
    response_headers,
)
from tools.template import ROOT, load

SECRET = "a-secret-that-nobody-knows"
API = "/api/v1/users/me"
KEYS = "/.well-known/jwks.json"
CITY, COUNTRY, REGION = "Cardiff", "GB", "Wales"
VIEWER = Viewer(
    "2.125.160.216",
    4711,
    {
        "CloudFront-Viewer-City": CITY,
        "CloudFront-Viewer-Country": COUNTRY,
        "CloudFront-Viewer-Country-Region-Name": REGION,
    },
)
TO_VIEWER = {
    http_request.VIEWER_ADDRESS_HEADER: "2.125.160.216:4711",
    http_viewer._CITY_HEADER: CITY,
    http_viewer._COUNTRY_HEADER: COUNTRY,
    http_viewer._REGION_HEADER: REGION,
}


def distribution(template: dict[str, Any] | None = None, region: str = "eu-west-1") -> Distribution:
    return Distribution(resolver(template, region))


def resolver(template: dict[str, Any] | None = None, region: str = "eu-west-1") -> Resolver:
    parameters = {"Profile": "prod", "EdgeSecret": SECRET}
    attributes = {
        "AWS::Region": region,
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::StackName": "latchkey",
        "MediaBucket": "pictures",
    }
    return Resolver(parameters, attributes, template)


def sent_on(path: str, headers: dict[str, str], template: Any = None) -> CIMultiDict[str]:
    """Send a request through the edge, and return what the API gets to see."""
    edge = distribution(template)
    behavior = edge.behavior(path)
    request = Request(path, "", CIMultiDict({"Host": "d111.cloudfront.net", **headers}))
    edge.enter(behavior, request, VIEWER)
    return edge.origin_headers(behavior, request, VIEWER)


def changed(*path: Any, to: Any) -> dict[str, Any]:
    """Return the template with one value replaced."""
    template = copy.deepcopy(load())
    place: Any = template["Resources"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return template


# What passes -------------------------------------------------------------------------------------


def headers_of_clients() -> set[str]:
    """Every header that the contract names, the code reads or a browser's preflight needs."""
    contract = json.loads((ROOT / "openapi.json").read_text())
    named = {
        parameter["name"].lower()
        for path in contract["paths"].values()
        for operation in path.values()
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "header"
    }
    source = "".join(file.read_text() for file in (ROOT / "layers/shared/latchkey").rglob("*.py"))
    read = set(re.findall(r'headers(?:\.get\(|\[)"([a-z-]+)"', source))
    hints = set(re.findall(r'"(sec-ch-ua[a-z-]*)"', source))
    assert {"idempotency-key", "user-agent", "sec-ch-ua-model"} <= named | read | hints
    preflight = {"access-control-request-method", "access-control-request-headers"}
    return named | read | hints | preflight | {"cookie", "content-type", "origin"}


@pytest.mark.parametrize("name", sorted(headers_of_clients()))
def test_headers_of_clients_reach_the_api(name):
    assert sent_on(API, {name: "as it came"})[name] == "as it came"


def test_viewer_headers_reach_the_api_and_cannot_be_forged():
    forged = dict.fromkeys([*TO_VIEWER, HOST_HEADER, "x-latchkey-edge"], "forged")
    seen = sent_on(API, forged)
    assert {name: seen.getall(name) for name in TO_VIEWER} == {
        name: [value] for name, value in TO_VIEWER.items()
    }
    assert seen.getall(HOST_HEADER) == ["d111.cloudfront.net"]
    assert seen.getall("x-latchkey-edge") == [SECRET]
    assert seen["X-Forwarded-For"].split(", ")[-1] == VIEWER.address


def test_host_of_the_viewer_does_not_reach_the_api():
    assert "host" not in sent_on(API, {})


@pytest.mark.parametrize("name", sorted(TO_VIEWER))
def test_unlisted_header_is_not_forwarded(name):
    """So that taking one out of the template fails the test above."""
    keyed = (
        *("ApiCaching", "Properties", "CachePolicyConfig"),
        *("ParametersInCacheKeyAndForwardedToOrigin", "HeadersConfig", "Headers"),
    )
    names = load()["Resources"]
    for step in keyed:
        names = names[step]
    others = [each for each in names if each.lower() != name]
    assert len(others) == len(names) - 1
    assert sent_on(API, {}, changed(*keyed, to=others)).get(name) is None


def test_host_header_needs_the_edge_function():
    behaviors = load()["Resources"]["PageDistribution"]["Properties"]["DistributionConfig"]
    without = [
        {name: value for name, value in each.items() if name != "FunctionAssociations"}
        for each in behaviors["CacheBehaviors"]
    ]
    path = ("PageDistribution", "Properties", "DistributionConfig", "CacheBehaviors")
    assert HOST_HEADER not in sent_on(API, {}, changed(*path, to=without))


def test_cached_keys_do_not_depend_on_the_viewer():
    """They are kept for everybody; and where the edge says nothing, a client's word could pass."""
    seen = sent_on(KEYS, dict.fromkeys([*TO_VIEWER, HOST_HEADER, "cookie", "authorization"], "x"))
    assert set(seen) == {"User-Agent", "X-Forwarded-For", "x-latchkey-edge"}


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (API, {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}),
        (KEYS, {"GET", "HEAD"}),
        ("/reset-password", {"GET", "HEAD"}),
    ],
)
def test_methods(path, methods):
    assert distribution().behavior(path).methods == methods


# What is kept ------------------------------------------------------------------------------------


def kept(path: str, status: int, control: str | None = None, template: Any = None) -> int:
    edge = distribution(template)
    headers = CIMultiDict({} if control is None else {"Cache-Control": control})
    return edge.kept_seconds(edge.behavior(path), Answer(status, headers, b""))


@pytest.mark.parametrize("path", [API, KEYS, "/", "/assets/page.js"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 414, 429, *range(500, 505)])
def test_errors_are_not_cached(path, status):
    assert kept(path, status) == kept(path, status, "no-store") == 0


@pytest.mark.parametrize("status", sorted(ALWAYS_KEPT))
def test_unlisted_error_is_cached_for_ten_seconds(status):
    path = ("PageDistribution", "Properties", "DistributionConfig", "CustomErrorResponses")
    errors = load()["Resources"]["PageDistribution"]["Properties"]["DistributionConfig"]
    others = [each for each in errors["CustomErrorResponses"] if each["ErrorCode"] != status]
    assert kept(API, status, "no-store", changed(*path, to=others)) == 10


def test_response_is_cached_as_its_header_says():
    assert kept(API, 200, "no-store") == kept(API, 200) == 0
    assert kept(KEYS, 200, "public, max-age=300") == 300


def test_page_is_not_cached_by_default():
    assert kept("/index.html", 200) == kept("/", 200, "no-cache") == 0
    assert kept("/assets/a.js", 200, "public, max-age=31536000, immutable") == 31536000


def test_responses_of_different_people_are_cached_apart():
    edge = distribution()
    behavior = edge.behavior(API)
    keys = set()
    for name, value in [("authorization", "a"), ("authorization", "b"), ("latchkey-token", "a")]:
        keys.add(behavior.key(Request(API, "", CIMultiDict({name: value}))))
    assert len(keys) == 3


# What is added -----------------------------------------------------------------------------------


def page_headers(region: str = "eu-west-1") -> dict[str, str]:
    added = response_headers(resolver(region=region), "PageHeaders")
    return {name: value for name, value, _ in added}


def test_page_has_security_headers():
    headers = page_headers()
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert len(policy) <= 1783  # the quota


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1"])
def test_page_may_upload_to_the_bucket(region, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    boto_client._session.cache_clear()
    upload = AvatarUpload(
        id="upl_1",
        account_id="usr_1",
        content_type=PictureType.PNG,
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
    )
    url = MediaBucket("pictures").presign_upload(upload, NOW).url
    boto_client._session.cache_clear()
    assert (
        f"connect-src 'self' {url.rstrip('/')};" in page_headers(region)["Content-Security-Policy"]
    )


def test_cache_control_of_a_file_is_kept():
    edge = distribution()
    behavior = edge.behavior("/assets/a.js")
    for own, seen in (("public, max-age=60", "public, max-age=60"), (None, "no-cache")):
        headers = CIMultiDict({} if own is None else {"Cache-Control": own})
        answer = Answer(200, headers, b"")
        assert edge.answer_headers(behavior, answer)["Cache-Control"] == seen


@pytest.mark.parametrize(
    ("accepted", "size", "encoding"),
    [("gzip, br", 1000, "gzip"), ("br", 1000, None), ("", 1000, None), ("gzip", 999, None)],
)
def test_responses_are_compressed_if_accepted(accepted, size, encoding):
    edge = distribution()
    headers = CIMultiDict({"Content-Type": "text/html", "ETag": '"1"'})
    answer = Answer(200, headers, b"a" * size)
    sent = edge.compressed(edge.behavior("/"), answer, accepted)
    assert sent.headers.get("Content-Encoding") == encoding
    assert sent.headers["ETag"] == ('W/"1"' if encoding else '"1"')


def test_an_etag_of_the_api_stays_strong():
    """If-Match takes no weak one: a page that read a compressed profile could not change it."""
    edge = distribution()
    headers = CIMultiDict({"Content-Type": "application/json", "ETag": '"7"'})
    answer = Answer(200, headers, b" " * 5000)
    assert edge.compressed(edge.behavior(API), answer, "gzip").headers["ETag"] == '"7"'


# The functions at the edge -----------------------------------------------------------------------

PATHS = ["/", "/reset-password", "/assets/page.js", "/a.b/c", "/index.html", "/exports/"]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_edge_functions_match_their_python_versions(name):
    code = load()["Resources"][name]["Properties"]["FunctionCode"]
    assert len(code.encode()) <= 10240
    client = {"host": "accounts.example.com", HOST_HEADER: "forged"}
    events = [
        {"request": {"uri": path, "headers": {n: {"value": v} for n, v in client.items()}}}
        for path in PATHS
    ]
    script = f"{code}\nconsole.log(JSON.stringify({json.dumps(events)}.map(handler)))"
    done = subprocess.run(  # noqa: S603 - the template's own code
        ["node", "-e", script],  # noqa: S607 - as make finds it
        capture_output=True,
        text=True,
        check=True,
    )
    for path, theirs in zip(PATHS, json.loads(done.stdout), strict=True):
        ours = Request(path, "", CIMultiDict(client))
        FUNCTIONS[name](ours)
        assert theirs["uri"] == ours.uri
        assert {n: v["value"] for n, v in theirs["headers"].items()} == {
            n.lower(): v for n, v in ours.headers.items()
        }


def test_every_edge_function_has_a_python_version():
    found = {
        name
        for name, resource in load()["Resources"].items()
        if resource["Type"] == "AWS::CloudFront::Function"
    }
    assert found == set(FUNCTIONS)


# What CloudFront takes ---------------------------------------------------------------------------

NAMES = {
    "AWS::CloudFront::CachePolicy": "CachePolicyConfig",
    "AWS::CloudFront::OriginRequestPolicy": "OriginRequestPolicyConfig",
    "AWS::CloudFront::ResponseHeadersPolicy": "ResponseHeadersPolicyConfig",
    "AWS::CloudFront::OriginAccessControl": "OriginAccessControlConfig",
    "AWS::CloudFront::Function": "",
}


def named_resources() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (name, resource["Type"], resource["Properties"])
        for name, resource in load()["Resources"].items()
        if resource["Type"] in NAMES
    ]


def test_names_are_unique_by_stack_and_region():
    """CloudFront is one for all regions of an account."""
    names = []
    for _, kind, properties in named_resources():
        config = properties[NAMES[kind]] if NAMES[kind] else properties
        names.append((kind, config["Name"]["Fn::Sub"]))
    assert len(set(names)) == len(names)
    assert all("${AWS::StackName}-${AWS::Region}-" in name for _, name in names)


def test_a_policy_names_ten_headers_at_most():
    lists = [
        headers
        for _, _, properties in named_resources()
        for headers in re.findall(r'"Headers": \[([^\]]*)\]', json.dumps(properties))
    ]
    assert lists
    assert max(len(headers.split(",")) for headers in lists) <= 10


def test_unknown_property_fails_in_the_local_edge():
    behavior = ("PageDistribution", "Properties", "DistributionConfig", "DefaultCacheBehavior")
    with pytest.raises(UnknownPropertyError, match="SmoothStreaming"):
        distribution(changed(*behavior, "SmoothStreaming", to=True))


def test_custom_domain_requires_current_tls():
    certificate = "arn:aws:acm:us-east-1:123456789012:certificate/0"
    own = Resolver({"Profile": "prod", "PageDomain": "a.example", "PageCertificate": certificate})
    config = own.properties("PageDistribution")["DistributionConfig"]
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    [origin] = [each for each in config["Origins"] if each["Id"] == "api"]
    assert origin["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"


def test_web_acl_is_attached_if_given():
    acl = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/a/b"
    for given, attached in (({"WebAclArn": acl}, acl), ({}, None)):
        properties = Resolver({"Profile": "prod", **given}).properties("PageDistribution")
        assert properties["DistributionConfig"].get("WebACLId") == attached

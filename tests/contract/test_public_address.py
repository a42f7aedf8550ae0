"""The public address: every link uses it, after one deploy, for every profile."""

from __future__ import annotations

from typing import Any

import pytest

from tools.intrinsics import Resolver
from tools.rules import broken
from tools.template import functions, load, routes
from tools.transformed import transformed

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0"
DOMAIN = {"PageDomain": "accounts.example.com", "PageCertificate": CERTIFICATE}
OWN_CDN = {"ServePage": "off", "PublicUrl": "https://id.example.org", "EdgeSecret": "s" * 16}
CLOUDFRONT = "d111.cloudfront.net"
SETUPS = {
    "CloudFront's own name": ({}, f"https://{CLOUDFRONT}"),
    "a domain": (DOMAIN, "https://accounts.example.com"),
    "a domain and its zone": ({**DOMAIN, "HostedZoneId": "Z1"}, "https://accounts.example.com"),
    "a CDN of their own": (OWN_CDN, "https://id.example.org"),
}


def deployed(setup: str) -> Resolver:
    given, _ = SETUPS[setup]
    parameters = {"Profile": "prod", "MailSender": "a@example.com", **given}
    assert broken(parameters) == {}
    return Resolver(
        parameters,
        {"PageDistribution.DomainName": CLOUDFRONT, "AWS::StackName": "latchkey"},
    )


def variables(resolver: Resolver, function: str = "LoginFunction") -> dict[str, str]:
    common = load()["Globals"]["Function"]["Environment"]["Variables"]
    own = functions()[function].get("Environment", {}).get("Variables", {})
    resolved: dict[str, str] = resolver.resolve({**common, **own})
    return resolved


@pytest.mark.parametrize("setup", SETUPS)
def test_emailed_links_use_the_address_of_the_stack(setup):
    _, url = SETUPS[setup]
    resolver = deployed(setup)
    assert variables(resolver, "SendMailFunction")["LINK_BASE"] == url
    assert resolver.resolve(load()["Outputs"]["Url"]["Value"]) == url


@pytest.mark.parametrize(
    ("setup", "public_url", "issuer"),
    [
        ("CloudFront's own name", "", "urn:latchkey:latchkey"),
        ("a domain", "https://accounts.example.com", "https://accounts.example.com"),
        ("a CDN of their own", "https://id.example.org", "https://id.example.org"),
    ],
)
def test_functions_get_the_address_from_a_variable_or_the_edge(setup, public_url, issuer):
    environment = variables(deployed(setup))
    assert (environment["PUBLIC_URL"], environment["ISSUER"]) == (public_url, issuer)


def test_given_issuer_is_kept_when_a_domain_is_added():
    resolver = Resolver({"Profile": "prod", **DOMAIN, "Issuer": "urn:latchkey:latchkey"})
    assert variables(resolver)["ISSUER"] == "urn:latchkey:latchkey"


def test_functions_of_the_api_do_not_refer_to_the_distribution():
    """CloudFormation refuses a circle."""
    behind = {route.function for route in routes()} | {"authorizer"}
    for name, properties in functions().items():
        if properties["CodeUri"].rpartition("/")[2] in behind:
            assert "PageDistribution" not in str(properties), name
    assert "PageDistribution" not in str(load()["Globals"])


# The secret of the edge --------------------------------------------------------------------------


@pytest.mark.parametrize("setup", SETUPS)
def test_functions_and_cdn_share_one_nonempty_secret(setup):
    resolver = deployed(setup)
    secret = variables(resolver)["EDGE_SECRET"]
    assert secret
    if resolver.holds("ServesPage"):
        config = resolver.properties("PageDistribution")["DistributionConfig"]
        [origin] = [each for each in config["Origins"] if each["Id"] == "api"]
        [header] = origin["OriginCustomHeaders"]
        assert header == {"HeaderName": "x-latchkey-edge", "HeaderValue": secret}


def test_secret_is_created_if_not_given():
    secret = variables(deployed("a domain"))["EDGE_SECRET"]
    assert secret == "{{resolve:secretsmanager:GeneratedEdgeSecret:SecretString}}"
    assert load()["Resources"]["GeneratedEdgeSecret"]["Condition"] == "MakesEdgeSecret"
    own = Resolver({"Profile": "prod", "EdgeSecret": "s" * 16})
    assert variables(own)["EDGE_SECRET"] == "s" * 16
    assert not own.holds("MakesEdgeSecret")


@pytest.mark.parametrize("setup", SETUPS)
def test_direct_access_is_refused_unless_allowed(setup):
    assert variables(deployed(setup))["DIRECT_ACCESS"] == "refused"


# A domain ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", ["PageRecord", "PageRecordIpv6"])
def test_a_zone_gets_records_of_both_kinds(record):
    resource = load()["Resources"][record]
    assert deployed("a domain and its zone").holds(resource["Condition"])
    assert not deployed("a domain").holds(resource["Condition"])
    properties = deployed("a domain and its zone").properties(record)
    assert properties == {
        "HostedZoneId": "Z1",
        "Name": "accounts.example.com",
        "Type": {"PageRecord": "A", "PageRecordIpv6": "AAAA"}[record],
        "AliasTarget": {"DNSName": CLOUDFRONT, "HostedZoneId": "Z2FDTNDATAQYW2"},
    }


@pytest.mark.parametrize("setup", SETUPS)
def test_outputs_name_the_next_step(setup):
    _, url = SETUPS[setup]
    next_step = deployed(setup).resolve(load()["Outputs"]["NextStep"]["Value"])
    assert url in next_step
    assert ("Point accounts.example.com at" in next_step) is (setup == "a domain")


def test_uploads_are_allowed_from_every_origin():
    [rule] = load()["Resources"]["MediaBucket"]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert (rule["AllowedMethods"], rule["AllowedOrigins"]) == (["POST"], ["*"])


# Protection --------------------------------------------------------------------------------------


def api() -> dict[str, Any]:
    properties: dict[str, Any] = load()["Resources"]["Api"]["Properties"]
    return properties


def test_every_route_that_hashes_is_throttled_below_the_others():
    """A function that hashes has one whole processor, and no layer for pictures."""
    hashing = {
        f"{event['Properties']['Method']} {event['Properties']['Path']}"
        for properties in functions().values()
        if properties.get("MemorySize") == 1769 and "Layers" not in properties
        for event in properties.get("Events", {}).values()
        if event["Type"] == "HttpApi"
    }
    assert set(api()["RouteSettings"]) == hashing
    assert "POST /api/v1/auth/login" in hashing
    default = api()["DefaultRouteSettings"]
    for settings in api()["RouteSettings"].values():
        for limit in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
            assert 0 < settings[limit] < default[limit]


def test_sam_passes_throttles_rules_and_profiles_on():
    template, _ = transformed({"Profile": "prod", "MailSender": "a@example.com"})
    stage = template["Resources"]["ApiApiGatewayDefaultStage"]["Properties"]
    assert stage["DefaultRouteSettings"] == api()["DefaultRouteSettings"]
    assert stage["RouteSettings"] == api()["RouteSettings"]
    assert (template["Rules"], template["Mappings"]) == (load()["Rules"], load()["Mappings"])


def test_the_gateway_can_wait_for_a_function_and_its_authorizer():
    common = load()["Globals"]["Function"]["Timeout"]
    authorizer = functions()["AuthorizerFunction"].get("Timeout", common)
    behind = {route.function for route in routes()}
    slowest = max(
        properties.get("Timeout", common)
        for properties in functions().values()
        if properties["CodeUri"].rpartition("/")[2] in behind
    )
    assert authorizer + slowest < 30


@pytest.mark.parametrize("name", ["AuthorizerFunction", "ServiceAuthorizerFunction"])
def test_authorizers_can_reserve_concurrency(name):
    reserved = functions()[name]["ReservedConcurrentExecutions"]
    assert Resolver({"AuthorizerConcurrency": "50"}).resolve({"x": reserved}) == {"x": "50"}
    assert Resolver({}).resolve({"x": reserved}) == {}

"""The page's CDN passes on what the API reads, and says what the local edge says."""

from __future__ import annotations

import json
from typing import Any

from tools.local.edge import CONTENT_SECURITY_POLICY
from tools.template import ROOT, load


def test_every_header_of_the_contract_passes_the_cdn():
    resources = load()["Resources"]
    cached = resources["ApiCaching"]["Properties"]["CachePolicyConfig"]
    cached = cached["ParametersInCacheKeyAndForwardedToOrigin"]["HeadersConfig"]["Headers"]
    passed = resources["ApiRequests"]["Properties"]["OriginRequestPolicyConfig"]
    passed = passed["HeadersConfig"]["Headers"]
    contract = json.loads((ROOT / "openapi.json").read_text())
    read = {"Authorization", "Accept", "Content-Type", "Origin", "User-Agent"}
    read |= {
        parameter["name"]
        for path in contract["paths"].values()
        for operation in path.values()
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "header"
    }
    assert {name.lower() for name in read} <= {name.lower() for name in [*cached, *passed]}


def test_the_page_has_one_policy_everywhere():
    headers: Any = load()["Resources"]["PageHeaders"]["Properties"]
    security = headers["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    said = security["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"][0]
    said = said.replace(" ${Media}", "").replace(
        "https://${MediaBucket.RegionalDomainName}", "{uploads}"
    )
    assert said == CONTENT_SECURITY_POLICY

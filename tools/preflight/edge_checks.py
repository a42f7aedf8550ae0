"""Checks of certificate, DNS, CloudFront, WAF, and of the audit key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tools.preflight.findings import fails, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.preflight.account import Account
    from tools.preflight.findings import Finding
    from tools.preflight.plan import Plan


CDN_REGION = "us-east-1"
"""The region of CloudFront's certificates and web ACLs."""


def certificate(account: Account, plan: Plan) -> Iterator[Finding]:
    """The certificate exists, is issued, and covers the domain."""
    arn, domain = plan.value("PageCertificate"), plan.domain
    if not plan.serves_page or not plan.value("PageDomain"):
        return
    if not arn:
        yield fails(
            f"PageDomain={domain} needs PageCertificate: a certificate for it in {CDN_REGION}. "
            f"Run `aws acm request-certificate --region {CDN_REGION} --domain-name {domain} "
            "--validation-method DNS`."
        )
        return
    found = account.find("acm", "describe_certificate", CDN_REGION, CertificateArn=arn)
    if found is None:
        yield fails(f"There is no certificate {arn} in this account.")
        return
    details = found["Certificate"]
    names = {details["DomainName"], *details.get("SubjectAlternativeNames", [])}
    if details["Status"] != "ISSUED":
        yield fails(
            f"The certificate of {domain} is {details['Status']}: publish the DNS record that ACM "
            "shows, and wait until it is ISSUED."
        )
    elif not any(covers(name, domain) for name in names):
        yield fails(f"The certificate is for {', '.join(sorted(names))}, not for {domain}.")
    else:
        yield ok(f"The certificate of {domain} is issued.")


def covers(name: str, domain: str) -> bool:
    """Return whether a certificate's name covers a domain. A `*` matches one label."""
    name, domain = name.lower(), domain.lower()
    if not name.startswith("*."):
        return name == domain
    first, _, rest = domain.partition(".")
    return bool(first) and rest == name[2:]


def dns(account: Account, plan: Plan) -> Iterator[Finding]:
    """The hosted zone contains the domain, and its record is free or belongs to the stack."""
    zone, domain = plan.value("HostedZoneId"), plan.domain
    if not plan.serves_page or not plan.value("PageDomain"):
        return
    if not zone:
        yield warning(
            f"No HostedZoneId is given: after the deploy, make {domain} a CNAME (or an alias) of "
            "the distribution that the outputs name."
        )
        return
    found = account.find("route53", "get_hosted_zone", Id=zone)
    if found is None:
        yield fails(f"Route 53 has no hosted zone {zone} in this account.")
        return
    apex = found["HostedZone"]["Name"].rstrip(".")
    if found["HostedZone"].get("Config", {}).get("PrivateZone"):
        yield fails(
            f"The hosted zone {zone} is private: nobody outside a VPC can resolve {domain}."
        )
        return
    if domain != apex and not domain.endswith(f".{apex}"):
        yield fails(f"The hosted zone {zone} is {apex}'s: {domain} can't be in it.")
        return
    records = account.ask(
        "route53", "list_resource_record_sets", HostedZoneId=zone, StartRecordName=domain
    )["ResourceRecordSets"]
    taken = sorted(
        record["Type"]
        for record in records
        if record["Name"].rstrip(".") == domain and record["Type"] in {"A", "AAAA", "CNAME"}
    )
    if taken and plan.deployed is None:
        yield fails(
            f"{domain} has a record already ({', '.join(taken)}): remove it, or deploy without "
            "HostedZoneId and point it at the distribution afterwards."
        )
        return
    yield ok(f"The hosted zone {apex} takes {domain}.")


def aliases(account: Account, plan: Plan) -> Iterator[Finding]:
    """No other distribution of this account uses the domain."""
    domain = plan.value("PageDomain")
    if not plan.serves_page or not domain or plan.deployed is not None:
        return
    for distribution in account.list_all(
        "cloudfront", "list_distributions", "DistributionList.Items"
    ):
        if domain in distribution.get("Aliases", {}).get("Items", []):
            yield fails(
                f"The distribution {distribution['Id']} has the alias {domain} already: take it "
                "away there first."
            )
            return
    yield ok(f"No other distribution of this account has the alias {domain}.")


NAMED_BY_US: tuple[tuple[str, str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "AWS::CloudFront::OriginAccessControl",
        "list_origin_access_controls",
        "OriginAccessControlList",
        ("Name",),
        ("OriginAccessControlConfig", "Name"),
    ),
    (
        "AWS::CloudFront::CachePolicy",
        "list_cache_policies",
        "CachePolicyList",
        ("CachePolicy", "CachePolicyConfig", "Name"),
        ("CachePolicyConfig", "Name"),
    ),
    (
        "AWS::CloudFront::OriginRequestPolicy",
        "list_origin_request_policies",
        "OriginRequestPolicyList",
        ("OriginRequestPolicy", "OriginRequestPolicyConfig", "Name"),
        ("OriginRequestPolicyConfig", "Name"),
    ),
    (
        "AWS::CloudFront::ResponseHeadersPolicy",
        "list_response_headers_policies",
        "ResponseHeadersPolicyList",
        ("ResponseHeadersPolicy", "ResponseHeadersPolicyConfig", "Name"),
        ("ResponseHeadersPolicyConfig", "Name"),
    ),
    ("AWS::CloudFront::Function", "list_functions", "FunctionList", ("Name",), ("Name",)),
)
"""CloudFront resources named by the template: type, operation, its list, the path of the
name, where the template has it."""


def cloudfront_names(account: Account, plan: Plan) -> Iterator[Finding]:
    """The names of CloudFront's policies are free. They are unique per account."""
    if plan.deployed is not None:
        return
    taken = []
    for kind, operation, listing, where, in_template in NAMED_BY_US:
        policy_names = {
            _substituted(_at(resource["Properties"], in_template), plan)
            for resource in plan.resources(kind).values()
        }
        if policy_names:
            names = {_at(item, where) for item in _cloudfront_items(account, operation, listing)}
            taken += sorted(policy_names & names)
    if taken:
        yield fails(
            f"CloudFront has {', '.join(taken)} already, of a stack {plan.stack} elsewhere or of "
            "one that was deleted. Remove them, or deploy under another stack name."
        )
        return
    yield ok("The names of CloudFront's policies and functions are free.")


def _cloudfront_items(account: Account, operation: str, listing: str) -> Iterator[Any]:
    marker: dict[str, str] = {}
    # Only the account's own policies. The other two lists have no type.
    kind = {"Type": "custom"} if operation.endswith("policies") else {}
    while True:
        page = account.ask("cloudfront", operation, **kind, **marker)[listing]
        yield from page.get("Items", [])
        if not page.get("NextMarker"):
            return
        marker = {"Marker": page["NextMarker"]}


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value[name]
    return value


def _substituted(value: Any, plan: Plan) -> str:
    text = value["Fn::Sub"] if isinstance(value, dict) else value
    known = {"AWS::StackName": plan.stack, "AWS::Region": plan.region}
    return re.sub(r"\$\{([\w:]+)\}", lambda found: known.get(found[1], found[0]), str(text))


def web_acl(account: Account, plan: Plan) -> Iterator[Finding]:
    """The web ACL exists and is for CloudFront."""
    arn = plan.value("WebAclArn")
    if not arn:
        return
    match = re.fullmatch(r"arn:[\w-]+:wafv2:([\w-]+):\d{12}:global/webacl/([^/]+)/([^/]+)", arn)
    if match is None or match[1] != CDN_REGION:
        yield fails(
            f"{arn} is no web ACL of CloudFront: it has to be global, which is in {CDN_REGION}."
        )
        return
    found = account.find(
        "wafv2", "get_web_acl", CDN_REGION, Name=match[2], Id=match[3], Scope="CLOUDFRONT"
    )
    if found is None:
        yield fails(f"There is no web ACL {match[2]} in this account.")
    else:
        yield ok(f"The web ACL {match[2]} is there.")


def audit_kms_key(account: Account, plan: Plan) -> Iterator[Finding]:
    """The key of the audit trail can sign."""
    arn = plan.value("AuditKmsKey")
    if not arn:
        return
    found = account.find("kms", "describe_key", arn.split(":")[3], KeyId=arn)
    if found is None:
        yield fails(f"There is no key {arn}.")
        return
    key = found["KeyMetadata"]
    spec = (key.get("KeySpec"), key.get("KeyUsage"), key.get("KeyState"))
    if spec != ("ECC_NIST_P256", "SIGN_VERIFY", "Enabled"):
        yield fails(
            f"AuditKmsKey has to be an enabled ECC_NIST_P256 key for SIGN_VERIFY, not {spec}."
        )
        return
    yield ok("The audit trail's key can sign.")

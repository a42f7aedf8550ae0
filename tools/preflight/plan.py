"""The planned deploy, for the checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Plan:
    """One deploy.

    values     every parameter's value after the deploy
    deployed   the stack as DescribeStacks has it; None before the first deploy
    template   transformed: SAM's resources are CloudFormation's
    size       bytes of the template as CloudFormation gets it
    """

    READS: ClassVar = frozenset(
        {
            "AuditKmsKey",
            "EmailVerification",
            "HostedZoneId",
            "MailConfigurationSet",
            "MailSender",
            "PageCertificate",
            "PageDomain",
            "PublicUrl",
            "ServePage",
            "WebAclArn",
        }
    )
    """The parameters that the checks read; a test compares them with the template's."""

    stack: str
    region: str
    values: Mapping[str, str]
    deployed: Mapping[str, Any] | None
    template: Mapping[str, Any]
    size: int

    def value(self, name: str) -> str:
        """Return a parameter's value; empty when it has none."""
        if name not in self.READS:
            msg = f"{name} is not in Plan.READS"
            raise KeyError(msg)
        return self.values.get(name, "")

    @property
    def serves_page(self) -> bool:
        """Return whether the stack creates a CloudFront distribution for the page and the API."""
        return self.value("ServePage") == "on"

    @property
    def domain(self) -> str:
        """The deployer's own domain name, or empty."""
        return self.value("PageDomain") or urlsplit(self.value("PublicUrl")).hostname or ""

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the resources of a type, by logical id."""
        return {
            name: resource
            for name, resource in self.template["Resources"].items()
            if resource["Type"] == kind
        }

"""The metadata of the issuer of access tokens (RFC 8414)."""

from __future__ import annotations

from latchkey.domain.errors import MetadataUnavailable
from latchkey.domain.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerMetadata:
    """What a verifier needs to know of the issuer."""

    issuer: str
    jwks_uri: str
    introspection_endpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The flow. `public_url` is empty if the address is CloudFront's own name."""

    issuer: str
    public_url: str

    def read(self, api_host: str) -> IssuerMetadata:
        """Return the metadata. Its addresses are configured: no header of a client is in them.

        api_host  the name of the API itself, where requests of roles are accepted

        Raises MetadataUnavailable if the issuer is not a URL: a client could not look it up.
        """
        if not self.issuer.startswith(("https://", "http://")):
            raise MetadataUnavailable
        origin = self.public_url or self.issuer.rstrip("/")
        return IssuerMetadata(
            issuer=self.issuer,
            jwks_uri=f"{origin}/.well-known/jwks.json",
            introspection_endpoint=f"https://{api_host}/api/v1/auth/introspect",
        )

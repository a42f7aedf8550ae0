"""The service itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from latchkey.flows.metadata import IssuerMetadata


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthView:
    """The health of the service."""

    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JwksView:
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataView:
    """The metadata of the issuer of access tokens (RFC 8414)."""

    issuer: str
    jwks_uri: str
    introspection_endpoint: str
    """The address of the API itself. It requires a signature (SigV4, `execute-api`) of a role."""
    id_token_signing_alg_values_supported: list[str]
    """The algorithm of every token of this issuer. There are no ID tokens."""
    subject_types_supported: list[str]
    response_types_supported: list[str]
    """Empty: there is no authorization endpoint."""
    grant_types_supported: list[str]
    """Empty: sign-in is not an OAuth grant."""

    @classmethod
    def of(cls, metadata: IssuerMetadata) -> MetadataView:
        """Describe the issuer."""
        return cls(
            issuer=metadata.issuer,
            jwks_uri=metadata.jwks_uri,
            introspection_endpoint=metadata.introspection_endpoint,
            id_token_signing_alg_values_supported=["ES256"],
            subject_types_supported=["public"],
            response_types_supported=[],
            grant_types_supported=[],
        )

"""The service itself."""

from __future__ import annotations

from latchkey.domain.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthView:
    """The health of the service."""

    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JwksView:
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[dict[str, str]]

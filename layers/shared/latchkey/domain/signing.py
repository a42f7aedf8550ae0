"""Signing keys and what their rotation promises: never a token that nobody can verify."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """An ES256 key pair. It signs from active_at on, until a newer one becomes active."""

    kid: str
    private_pem: str
    public_jwk: dict[str, str]
    created_at: datetime
    active_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """All live keys, oldest first.

    epoch  goes up when every key of the past is to be trusted no more
    """

    keys: tuple[SigningKey, ...]
    epoch: int = 1

    def signing_key(self, now: datetime) -> SigningKey:
        """Return the newest key that is active; the first one of a deployment always is."""
        active = [key for key in self.keys if key.active_at <= now]
        return max(active or self.keys[:1], key=lambda key: key.active_at)


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an access token says, once its signature has been verified."""

    account_id: str
    session_id: str
    generation: int
    authenticated_at: datetime

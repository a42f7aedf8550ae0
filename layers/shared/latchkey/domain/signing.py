"""Signing keys and their rotation: every issued token can be verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.ids import AccountId, SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """An ES256 key pair. It signs from active_at until a newer key is active."""

    kid: str
    private_pem: str
    public_jwk: dict[str, str]
    created_at: datetime
    active_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """All live keys, oldest first.

    epoch  incremented to stop trusting all older keys
    """

    keys: tuple[SigningKey, ...]
    epoch: int = 1

    def signing_key(self, now: datetime) -> SigningKey:
        """Return the newest active key. The first key of a deployment is always active."""
        active = [key for key in self.keys if key.active_at <= now]
        return max(active or self.keys[:1], key=lambda key: key.active_at)


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """The claims of a verified access token."""

    account_id: AccountId
    session_id: SessionId
    generation: int
    authenticated_at: datetime

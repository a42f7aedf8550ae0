"""Signing keys in memory."""

from __future__ import annotations

from datetime import UTC, datetime

from latchkey.domain.signing import KeyRing
from latchkey.security.key_pairs import new_refresh_pepper, new_signing_key


class MemorySigningKeyStore:
    """What SigningKeyStore does, without SSM and without caches."""

    def __init__(self) -> None:
        """Start with one key."""
        start = datetime(2020, 1, 1, tzinfo=UTC)
        key = new_signing_key(created_at=start, active_at=start)
        self.replace(KeyRing(keys=(key,), refresh_pepper=new_refresh_pepper()))

    def ring(self) -> KeyRing:
        return self._ring

    def read_now(self) -> KeyRing | None:
        return self._ring

    def public_jwks(self) -> list[dict[str, str]]:
        return self._published

    def find_public(self, kid: str) -> dict[str, str] | None:
        return next((jwk for jwk in self._published if jwk["kid"] == kid), None)

    def replace(self, ring: KeyRing) -> None:
        self._ring = ring
        self.publish(ring)

    def publish(self, ring: KeyRing) -> None:
        self._published = [key.public_jwk for key in ring.keys]

"""Signing keys in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from latchkey.domain.peppers import Pepper, PepperRing
from latchkey.domain.signing import KeyRing
from latchkey.security.key_pairs import new_signing_key
from latchkey.security.peppers import new_pepper

if TYPE_CHECKING:
    from latchkey.storage.peppers import PepperKind


class MemorySigningKeyStore:
    """What SigningKeyStore does, without SSM and without caches."""

    def __init__(self) -> None:
        """Start with one key."""
        start = datetime(2020, 1, 1, tzinfo=UTC)
        key = new_signing_key(created_at=start, active_at=start)
        self.replace(KeyRing(keys=(key,)))

    def key_ring(self) -> KeyRing:
        return self._ring

    def read_now(self) -> KeyRing | None:
        return self._ring

    def unnamed_pepper(self) -> bytes | None:
        return None

    def public_jwks(self) -> list[dict[str, str]]:
        return self._published

    def find_public(self, kid: str) -> dict[str, str] | None:
        return next((jwk for jwk in self._published if jwk["kid"] == kid), None)

    def replace(self, key_ring: KeyRing) -> None:
        self._ring = key_ring
        self.publish(key_ring)

    def publish(self, key_ring: KeyRing) -> None:
        self._published = [key.public_jwk for key in key_ring.keys]


class MemoryPepperStore:
    """What PepperStore does, without SSM and without caches."""

    def __init__(self, kind: PepperKind) -> None:
        """Start with one pepper."""
        self.kind = kind
        start = datetime(2020, 1, 1, tzinfo=UTC)
        self._ring = PepperRing((new_pepper("1", created_at=start, active_at=start),))

    def current(self, now: datetime) -> Pepper:
        return self._ring.current(now)

    def find(self, pepper_id: str) -> Pepper | None:
        return self._ring.find(pepper_id)

    def read_now(self) -> PepperRing | None:
        return self._ring

    def replace(self, pepper_ring: PepperRing) -> None:
        self._ring = pepper_ring

"""The signing keys' life: made on the first deploy, rotated on a schedule, never missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.limits import (
    ACCESS_TOKEN_CLOCK_SKEW_SECONDS,
    KEY_ACTIVATION_DELAY_SECONDS,
    KEY_CACHE_SECONDS,
)
from latchkey.domain.signing import KeyRing
from latchkey.security.key_pairs import new_refresh_pepper, new_signing_key

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.storage.signing_keys import SigningKeyStore


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """The flow, and what it needs."""

    store: SigningKeyStore
    rotation_interval: timedelta
    access_token_lifetime: timedelta

    def ensure(self, now: datetime) -> KeyRing:
        """Create the first key unless there is one; safe to run any number of times."""
        ring = self.store.read_now()
        if ring is None:
            first = new_signing_key(created_at=now, active_at=now)
            ring = KeyRing(keys=(first,), refresh_pepper=new_refresh_pepper())
            if self.store.create(ring):
                return ring
            ring = self.store.read_now() or ring
        # A creation that died half way left the private half only.
        self.store.publish(ring)
        return ring

    def rotate(self, now: datetime, *, force: bool = False) -> KeyRing:
        """Add a key when the newest is due to be replaced, and drop those that no token needs.

        A new key becomes active only after every cache without it has run out; an old one is
        dropped only after the last token that it signed has expired.
        """
        ring = self.ensure(now)
        newest = ring.keys[-1]
        keys = list(ring.keys)
        if force or now - newest.created_at >= self.rotation_interval:
            active_at = now + timedelta(seconds=KEY_ACTIVATION_DELAY_SECONDS)
            keys.append(new_signing_key(created_at=now, active_at=active_at))
        keys = [
            key
            for key, successor in zip(keys, [*keys[1:], None], strict=True)
            if successor is None or now < successor.active_at + self._last_use
        ]
        rotated = KeyRing(keys=tuple(keys), refresh_pepper=ring.refresh_pepper)
        if rotated != ring:
            self.store.replace(rotated)
        return rotated

    @property
    def _last_use(self) -> timedelta:
        """How long after its successor's start a key may still be needed to verify."""
        slack = timedelta(seconds=KEY_CACHE_SECONDS + ACCESS_TOKEN_CLOCK_SKEW_SECONDS)
        return self.access_token_lifetime + slack

"""The signing keys' life: made on the first deploy, rotated on a schedule, never missing."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.audit import SYSTEM_ACTOR, Action, AuditRow
from latchkey.domain.effects import Effects
from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.ids import new_id, new_ordered_id
from latchkey.domain.limits import (
    ACCESS_TOKEN_CLOCK_SKEW_SECONDS,
    KEY_ACTIVATION_DELAY_SECONDS,
    KEY_LEASE_SECONDS,
    KEY_STALE_SECONDS,
    KEY_WAIT_SECONDS,
    KEYS_MAX,
)
from latchkey.domain.signing import KeyRing
from latchkey.security.key_pairs import new_refresh_pepper, new_signing_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from latchkey.storage.audit_log import AuditLog
    from latchkey.storage.signing_keys import SigningKeyStore
    from latchkey.storage.task_leases import TaskLeases

_TASK = "signing_keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """The flow, and what it needs.

    epoch  no key of an earlier one is trusted any more
    """

    store: SigningKeyStore
    leases: TaskLeases
    audit: AuditLog
    rotation_interval: timedelta
    access_token_lifetime: timedelta
    epoch: int
    sleep: Callable[[float], None] = time.sleep

    def ensure(self, now: datetime) -> KeyRing:
        """Create the first key of this epoch unless there is one; safe to run any number of times.

        Raises TemporarilyUnavailable while somebody else is at the keys.
        """
        with self._alone(now):
            return self._ensure(now)

    def rotate(self, now: datetime, *, force: bool = False) -> KeyRing:
        """Add a key when the newest is due to be replaced, and drop those that no token needs.

        A new key becomes active only after every cache without it has run out; an old one is
        dropped only after the last token that it signed has expired.

        force  add one before it is due; not while the newest is still to become active, and never
               more than KEYS_MAX

        Raises TemporarilyUnavailable while somebody else is at the keys.
        """
        with self._alone(now):
            ring = self._ensure(now)
            keys = [
                key
                for key, successor in zip(ring.keys, [*ring.keys[1:], None], strict=True)
                if successor is None or now < successor.active_at + self._last_use
            ]
            newest = keys[-1]
            is_due = force or now - newest.created_at >= self.rotation_interval
            if is_due and newest.active_at <= now and len(keys) < KEYS_MAX:
                active_at = now + timedelta(seconds=KEY_ACTIVATION_DELAY_SECONDS)
                keys.append(new_signing_key(created_at=now, active_at=active_at))
            rotated = KeyRing(
                keys=tuple(keys), refresh_pepper=ring.refresh_pepper, epoch=ring.epoch
            )
            if rotated != ring:
                self._replace(rotated, now)
            return rotated

    def _ensure(self, now: datetime) -> KeyRing:
        ring = self.store.read_now()
        if ring is None or ring.epoch < self.epoch:
            # Of an epoch that is over nothing stays but the pepper: no token can be made of it
            # alone, and with it every session can go on by refreshing.
            pepper = new_refresh_pepper() if ring is None else ring.refresh_pepper
            key = new_signing_key(created_at=now, active_at=now)
            ring = KeyRing(keys=(key,), refresh_pepper=pepper, epoch=self.epoch)
            self._replace(ring, now)
        else:
            # A run that died half way may have published less than the ring has.
            self.store.publish(ring)
        return ring

    def _replace(self, ring: KeyRing, now: datetime) -> None:
        """Let these keys count; but first say so in the audit trail: no transaction joins them."""
        row = AuditRow(
            id=new_ordered_id("aud", now),
            at=now,
            action=Action.SIGNING_KEY_ROTATED,
            subject=None,
            actor=SYSTEM_ACTOR,
            request_id=new_id("job", now),
            targets=tuple(key.kid for key in ring.keys),
        )
        self.audit.write(Effects(audit=(row,)))
        self.store.replace(ring)

    @contextlib.contextmanager
    def _alone(self, now: datetime) -> Iterator[None]:
        """Let nobody else change the keys meanwhile.

        They are two parameters that no transaction joins: of two runs at once, one could publish
        its own keys over those that the other has just begun to sign with.
        """
        waited = 0
        while not self._take(now + timedelta(seconds=waited)):
            if waited >= KEY_WAIT_SECONDS:
                raise TemporarilyUnavailable(
                    retry_after_seconds=KEY_LEASE_SECONDS, reason="somebody else is at the keys"
                )
            self.sleep(1)
            waited += 1
        try:
            yield
        finally:
            self.leases.release(_TASK)

    def _take(self, now: datetime) -> bool:
        return self.leases.take(_TASK, now, timedelta(seconds=KEY_LEASE_SECONDS))

    @property
    def _last_use(self) -> timedelta:
        """How long after its successor's start a key may still be needed to verify.

        Whoever can not read the new keys signs with the old ones for KEY_STALE_SECONDS.
        """
        slack = timedelta(seconds=KEY_STALE_SECONDS + ACCESS_TOKEN_CLOCK_SKEW_SECONDS)
        return self.access_token_lifetime + slack

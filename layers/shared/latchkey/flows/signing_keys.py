"""Creates signing keys and peppers at deployment, and rotates them on a schedule."""

from __future__ import annotations

import contextlib
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.audit import SYSTEM_ACTOR, Action, AuditRow
from latchkey.domain.effects import Effects
from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.ids import RowId, new_id, new_ordered_id
from latchkey.domain.limits import (
    ACCESS_TOKEN_CLOCK_SKEW_SECONDS,
    KEY_ACTIVATION_DELAY_SECONDS,
    KEY_LEASE_SECONDS,
    KEY_STALE_SECONDS,
    KEY_WAIT_SECONDS,
    KEYS_MAX,
    OBJECTION_DAYS,
    PEPPER_ROTATION_DAYS,
    PEPPERS_MAX,
)
from latchkey.domain.peppers import UNNAMED, Pepper, PepperRing
from latchkey.domain.signing import KeyRing
from latchkey.domain.values import dataclass
from latchkey.security.key_pairs import new_signing_key
from latchkey.security.peppers import new_pepper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from latchkey.storage.audit_log import AuditLog
    from latchkey.storage.peppers import PepperStore
    from latchkey.storage.signing_keys import SigningKeyStore
    from latchkey.storage.task_leases import TaskLeases

_TASK = "signing_keys"


_STALE = timedelta(seconds=KEY_STALE_SECONDS + ACCESS_TOKEN_CLOCK_SKEW_SECONDS)
"""A function that can't read new keys or peppers uses the old ones for this time."""


def refresh_lifetime(idle_timeout: timedelta, access_token_lifetime: timedelta) -> timedelta:
    """Return how long the refresh tokens of a replaced pepper can be valid.

    A session ends if neither it nor its access token is used for the idle timeout.
    """
    return idle_timeout + access_token_lifetime + _STALE


def link_lifetime(deletion_grace: timedelta) -> timedelta:
    """Return how long the links of a replaced pepper can be valid."""
    return max(timedelta(days=OBJECTION_DAYS), deletion_grace) + _STALE


@dataclass(frozen=True, slots=True)
class RotatedPeppers:
    """Peppers of one kind, and how long one is needed after it was replaced."""

    store: PepperStore
    lifetime: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """The flow and its parts.

    epoch  keys of an earlier epoch are not trusted
    """

    store: SigningKeyStore
    peppers: tuple[RotatedPeppers, ...]
    leases: TaskLeases
    audit: AuditLog
    rotation_interval: timedelta
    access_token_lifetime: timedelta
    epoch: int
    sleep: Callable[[float], None] = time.sleep

    def ensure(self, now: datetime) -> KeyRing:
        """Create the first key of this epoch and the first peppers if they are missing.

        Can be repeated. The single pepper of an older deployment is moved, and its tokens stay
        valid.

        Raises TemporarilyUnavailable while another invocation changes the keys.
        """
        with self._exclusive(now):
            return self._ensure(now)

    def rotate(self, now: datetime, *, force: bool = False) -> KeyRing:
        """Add a key if the newest one is due for replacement, and drop unneeded keys.

        A new key becomes active after every cache without it has expired. An old key is dropped
        after the last token that it signed has expired.

        force  add a key before it is due, but not while the newest is still inactive, and at most
               KEYS_MAX

        Raises TemporarilyUnavailable while another invocation changes the keys.
        """
        with self._exclusive(now):
            key_ring = self._ensure(now)
            keys = [
                key
                for key, successor in zip(key_ring.keys, [*key_ring.keys[1:], None], strict=True)
                if successor is None or now < successor.active_at + self._last_use
            ]
            newest = keys[-1]
            is_due = force or now - newest.created_at >= self.rotation_interval
            if is_due and newest.active_at <= now and len(keys) < KEYS_MAX:
                active_at = now + timedelta(seconds=KEY_ACTIVATION_DELAY_SECONDS)
                keys.append(new_signing_key(created_at=now, active_at=active_at))
            rotated = KeyRing(keys=tuple(keys), epoch=key_ring.epoch)
            if rotated != key_ring:
                self._replace(rotated, now)
            for kind in self.peppers:
                self._rotate_peppers(kind, now)
            return rotated

    def rotate_peppers(self, now: datetime, *, drop: bool = False) -> dict[str, list[str]]:
        """Add a pepper of each kind before it is due.

        drop  remove the old peppers: every session ends with its access token, and every link is
              void

        Returns the ids of the accepted ones, by kind.

        Raises TemporarilyUnavailable while another invocation changes the keys.
        """
        with self._exclusive(now):
            self._ensure(now)
            return {
                kind.store.kind: self._rotate_peppers(kind, now, force=True, drop=drop)
                for kind in self.peppers
            }

    def _ensure(self, now: datetime) -> KeyRing:
        key_ring = self.store.read_now()
        unnamed = self.store.unnamed_pepper()
        for kind in self.peppers:
            self._ensure_peppers(kind, unnamed, now)
        if key_ring is None or key_ring.epoch < self.epoch:
            # A new epoch keeps the peppers: they alone can't make a token, and sessions need them
            # to refresh.
            key = new_signing_key(created_at=now, active_at=now)
            key_ring = KeyRing(keys=(key,), epoch=self.epoch)
            self._replace(key_ring, now)
        elif unnamed is not None:
            self.store.replace(key_ring)
        else:
            # A run that crashed may have published less than the key ring has.
            self.store.publish(key_ring)
        return key_ring

    def _ensure_peppers(self, kind: RotatedPeppers, unnamed: bytes | None, now: datetime) -> None:
        if kind.store.read_now() is not None:
            return
        first = (
            new_pepper("1", created_at=now, active_at=now)
            if unnamed is None
            else Pepper(id=UNNAMED, secret=unnamed, created_at=now, active_at=now)
        )
        self._replace_peppers(kind, PepperRing((first,)), now)

    def _rotate_peppers(
        self, kind: RotatedPeppers, now: datetime, *, force: bool = False, drop: bool = False
    ) -> list[str]:
        pepper_ring = kind.store.read_now()
        if pepper_ring is None:  # created by `_ensure`
            raise TemporarilyUnavailable(retry_after_seconds=KEY_LEASE_SECONDS)
        if drop:
            only = new_pepper(pepper_ring.next_id(), created_at=now, active_at=now)
            self._replace_peppers(kind, PepperRing((only,)), now)
            return [only.id]
        peppers = pepper_ring.without_old(now, kind.lifetime)
        newest = peppers[-1]
        is_due = force or now - newest.created_at >= timedelta(days=PEPPER_ROTATION_DAYS)
        if is_due and newest.active_at <= now and len(peppers) < PEPPERS_MAX:
            # As for keys: every function reads the new pepper before it is used.
            active_at = now + timedelta(seconds=KEY_ACTIVATION_DELAY_SECONDS)
            pepper = new_pepper(pepper_ring.next_id(), created_at=now, active_at=active_at)
            peppers = (*peppers, pepper)
        if peppers != pepper_ring.peppers:
            self._replace_peppers(kind, PepperRing(peppers), now)
        return [pepper.id for pepper in peppers]

    def _replace_peppers(
        self, kind: RotatedPeppers, pepper_ring: PepperRing, now: datetime
    ) -> None:
        targets = tuple(f"{kind.store.kind}-{pepper.id}" for pepper in pepper_ring.peppers)
        self._record(Action.PEPPER_ROTATED, targets, now)
        kind.store.replace(pepper_ring)

    def _replace(self, key_ring: KeyRing, now: datetime) -> None:
        """Activate these keys after the audit trail has recorded them."""
        self._record(Action.SIGNING_KEY_ROTATED, tuple(key.kid for key in key_ring.keys), now)
        self.store.replace(key_ring)

    def _record(self, action: Action, targets: tuple[str, ...], now: datetime) -> None:
        row = AuditRow(
            id=RowId(new_ordered_id("aud", now)),
            at=now,
            action=action,
            subject=None,
            actor=SYSTEM_ACTOR,
            request_id=new_id("job", now),
            targets=targets,
        )
        self.audit.write(Effects(audit=(row,)))

    @contextlib.contextmanager
    def _exclusive(self, now: datetime) -> Iterator[None]:
        """Keep other invocations from changing the keys.

        Two parameters can't be written in one transaction. Without this lease, one of two parallel
        runs could overwrite public keys with which the other already signs.
        """
        waited = 0
        while not self._take(now + timedelta(seconds=waited)):
            if waited >= KEY_WAIT_SECONDS:
                raise TemporarilyUnavailable(
                    retry_after_seconds=KEY_LEASE_SECONDS,
                    reason="another invocation changes the keys",
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
        """How long a replaced key may still be needed to verify."""
        return self.access_token_lifetime + _STALE

"""Peppers: secrets of a deployment that codes are derived from, and their rotation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime, timedelta

UNNAMED = "0"
"""The id of the only pepper of older deployments. Its tokens have no pepper id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pepper:
    """One pepper. It makes new codes from active_at until a newer one is active.

    id  a number that counts up; it is part of every code made with this pepper
    """

    id: str
    secret: bytes
    created_at: datetime
    active_at: datetime


@dataclass(frozen=True, slots=True)
class PepperRing:
    """All peppers whose codes are accepted, oldest first. There is at least one."""

    peppers: tuple[Pepper, ...]

    def current(self, now: datetime) -> Pepper:
        """Return the newest active pepper, which makes new codes."""
        active = [pepper for pepper in self.peppers if pepper.active_at <= now]
        return max(active or self.peppers[:1], key=lambda pepper: pepper.active_at)

    def find(self, pepper_id: str) -> Pepper | None:
        """Return the pepper with this id, or None if it was dropped or is unknown."""
        return next((pepper for pepper in self.peppers if pepper.id == pepper_id), None)

    def next_id(self) -> str:
        """Return the id of the next pepper. Ids are never reused: the newest is never dropped."""
        return str(max(int(pepper.id) for pepper in self.peppers) + 1)

    def without_old(self, now: datetime, lifetime: timedelta) -> tuple[Pepper, ...]:
        """Remove peppers whose codes have all expired.

        lifetime  how long a code may be used after a newer pepper is active
        """
        return tuple(
            pepper
            for pepper, successor in zip(self.peppers, [*self.peppers[1:], None], strict=True)
            if successor is None or now < successor.active_at + lifetime
        )

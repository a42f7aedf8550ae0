"""Filters of administrators' searches."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from latchkey.domain.ids import AccountId
    from latchkey.domain.session import Session


class SessionState(StrEnum):
    """The state of the sessions to find."""

    ACTIVE = "active"
    ENDED = "ended"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """A filter of sessions of any account. None matches everything.

    ip       an address or a network in CIDR notation
    device   a prefix of the name, or a device's id
    country  ISO 3166-1 alpha-2
    """

    user_id: AccountId | None = None
    ip: str | None = None
    device: str | None = None
    country: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    state: SessionState = SessionState.ACTIVE

    def matches(self, session: Session, now: datetime, idle_timeout: timedelta) -> bool:
        """Return whether a session matches. Storage checks the IP address."""
        active = session.is_active(now, idle_timeout)
        place = session.location.country if session.location else None
        return (
            (self.state is SessionState.ANY or active == (self.state is SessionState.ACTIVE))
            and (self.user_id is None or session.account_id == self.user_id)
            and (self.country is None or (place or "").upper() == self.country.upper())
            and (self.device is None or self._is_device(session, self.device))
            and (self.created_from is None or session.created_at >= self.created_from)
            and (self.created_to is None or session.created_at <= self.created_to)
        )

    def _is_device(self, session: Session, device: str) -> bool:
        label = session.device.name.casefold()
        return session.device_id == device or label.startswith(device.casefold())

    @property
    def digest(self) -> str:
        """A text that binds a cursor or a confirmation to exactly this filter."""
        text = json.dumps(asdict(self), default=str, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the given fields, for the audit trail. Values are personal data."""
        return tuple(f"filter:{name}" for name, value in asdict(self).items() if value is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFilter:
    """A filter of accounts. None matches everything."""

    email_prefix: str | None = None
    status: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None

    @property
    def digest(self) -> str:
        """A text that binds a cursor to exactly this filter."""
        text = json.dumps(asdict(self), default=str, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the given fields, for the audit trail."""
        return tuple(f"filter:{name}" for name, value in asdict(self).items() if value is not None)


@dataclass(frozen=True, slots=True)
class Period:
    """A span of time: `since` is in it, `until` is not."""

    since: datetime
    until: datetime

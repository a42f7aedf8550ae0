"""Removing the sessions that DynamoDB's TTL left behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.limits import ENDED_SESSION_RETENTION_DAYS, TTL_GRACE_DAYS

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.storage.sessions import SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUpkeep:
    """The flow, and what it needs.

    absolute_timeout  how long a session lasts at most
    """

    sessions: SessionStore
    absolute_timeout: timedelta

    def remove_overdue(self, now: datetime) -> int:
        """Remove sessions whose retention has passed; return how many.

        Expiry is checked in code and TTL removes the items. This is for what TTL misses: it is
        switched off, or late by days.
        """
        kept = self.absolute_timeout + timedelta(days=ENDED_SESSION_RETENTION_DAYS + TTL_GRACE_DAYS)
        return self.sessions.remove_overdue(now - kept, now)

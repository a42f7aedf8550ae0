"""Removes sessions that DynamoDB's TTL missed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.limits import ENDED_SESSION_RETENTION_DAYS, TTL_GRACE_DAYS
from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.storage.sessions import SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUpkeep:
    """The flow and its parts.

    absolute_timeout  the maximum lifetime of a session
    """

    sessions: SessionStore
    absolute_timeout: timedelta

    def remove_overdue(self, now: datetime) -> int:
        """Remove sessions past their retention. Returns their number.

        The code checks expiry, and TTL removes items. This covers a TTL that is disabled or late by
        days.
        """
        kept = self.absolute_timeout + timedelta(days=ENDED_SESSION_RETENTION_DAYS + TTL_GRACE_DAYS)
        return self.sessions.remove_overdue(now - kept, now)

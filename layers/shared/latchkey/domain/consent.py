"""Consents: a person's decisions as an append-only history.

Proving a consent requires its content, time and device. A flag on the account is not enough.
Source: GDPR articles 7(1) and 7(3).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.ids import ConsentId, SessionId


class ConsentKind(StrEnum):
    """The subject of a consent. Values are stored and shown: add, never rename."""

    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"

    @property
    def field(self) -> str:
        """The account's field with the current state."""
        return f"{self.value}_consent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One decision: given, or withdrawn.

    session_id    the session of the decision
    text_version  the version of the wording that the person saw
    """

    id: ConsentId
    kind: ConsentKind
    given: bool
    decided_at: datetime
    session_id: SessionId
    text_version: str

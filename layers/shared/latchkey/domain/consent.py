"""Consents: what a person has agreed to, as a history that only ever grows.

Having to prove a consent means being able to say what was agreed to, when, and from where; a flag
on the account can't. Source: GDPR articles 7(1) and 7(3).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class ConsentKind(StrEnum):
    """What is agreed to. Values are stored and shown: add, never rename."""

    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"

    @property
    def field(self) -> str:
        """The account's field that holds the present state."""
        return f"{self.value}_consent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One decision: given, or withdrawn.

    session_id    the device that it was made on
    text_version  which wording the person had before them
    """

    id: str
    kind: ConsentKind
    given: bool
    decided_at: datetime
    session_id: str
    text_version: str

"""What a mail service tells of mails that were sent, and the addresses that get no more of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class SuppressionReason(StrEnum):
    """Why an address gets no mails. Values are stored and shown: add, never rename."""

    BOUNCED = "bounced"
    """Its mail server refused a mail for good: there is no such mailbox."""
    REPORTED = "reported"
    """Whoever reads it reported a mail of ours as spam."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailEvent:
    """What became of a mail, at each of these addresses.

    at  when the mail service learned of it
    """

    reason: SuppressionReason
    addresses: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSuppression:
    """That an address of an account gets no mails.

    since  when it bounced, or was reported
    """

    address: str
    reason: SuppressionReason
    since: datetime

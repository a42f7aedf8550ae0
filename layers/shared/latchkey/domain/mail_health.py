"""Bounces and complaints, and addresses that get no more emails."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime


class SuppressionReason(StrEnum):
    """Why an address gets no emails. Values are stored and shown: add, never rename."""

    BOUNCED = "bounced"
    """A permanent bounce: the mailbox does not exist."""
    REPORTED = "reported"
    """The recipient reported an email as spam."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailEvent:
    """What happened to an email, for each of these addresses.

    at  when the mail service received the report
    """

    reason: SuppressionReason
    addresses: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSuppression:
    """The address of an account gets no emails.

    since  the time of the bounce or the report
    """

    address: str
    reason: SuppressionReason
    since: datetime

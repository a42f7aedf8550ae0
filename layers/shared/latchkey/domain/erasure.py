"""Deletion and erasure of an account: the order, the progress and the receipt.

    active, suspended ──► deleted ──► erasing ──► erased
              ▲              │
              └── restored ──┘

After the deletion all sessions have ended and sign-in is refused. After the grace
period, or at once, a worker claims the account, which is final. The number of erased items is
counted in the transaction that erases them, so the receipt is exact.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from latchkey.domain.clock import to_milliseconds
from latchkey.domain.values import dataclass, field

if TYPE_CHECKING:
    from latchkey.domain.account import Account
    from latchkey.domain.ids import AccountId, ReceiptId


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """The order to delete an account. It stays in the person's partition until the end.

    receipt_id  the id of the receipt; not derived from the person
    purge_at    when erasing begins
    look_at     when the schedule checks whether a worker is active
    erased      how many items of each kind are gone
    """

    account_id: AccountId
    receipt_id: ReceiptId
    requested_at: datetime
    purge_at: datetime
    look_at: datetime
    erased: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The receipt: what was erased, how much and when, without personal data."""

    id: ReceiptId
    requested_at: datetime
    erased_at: datetime
    erased: dict[str, int]


class ErasureHeldUp(Exception):
    """A worker may still write data of the person. Try again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionDates:
    """The dates of a deletion, for the response."""

    deleted_at: datetime
    purge_at: datetime


def next_look(now: datetime, seconds: int) -> datetime:
    """Return when to check on an erasure that has not ended by then."""
    return now + timedelta(seconds=seconds)


def deletion_of(account: Account) -> str | None:
    """Identify one deletion of an account. A link restores only its own deletion."""
    return None if account.deleted_at is None else str(to_milliseconds(account.deleted_at))

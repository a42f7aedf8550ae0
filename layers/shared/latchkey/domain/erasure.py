"""Deleting an account: what is ordered, what is done by now, and what is left to prove it.

    active, suspended ──► deleted ──► erasing ──► gone
              ▲              │
              └── restored ──┘

Somebody orders it: from that instant nobody is signed in and nobody signs in. After the grace
period, or at once, a worker claims the account; from then on there is no way back. What it has
erased is counted in the transaction that erased it, so that the receipt says what happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from latchkey.domain.clock import to_milliseconds

if TYPE_CHECKING:
    from latchkey.domain.account import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """One order to delete an account, kept in the person's own partition until the end.

    receipt_id  what the receipt will be called; nothing of the person is in it
    purge_at    when erasing begins
    look_at     when the schedule looks whether somebody is on it
    erased      how many items of each kind are gone
    """

    account_id: str
    receipt_id: str
    requested_at: datetime
    purge_at: datetime
    look_at: datetime
    erased: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What is left of an account: what was erased, how much of it, and when. Nobody's name."""

    id: str
    requested_at: datetime
    erased_at: datetime
    erased: dict[str, int]


class ErasureHeldUp(Exception):
    """Something of the person may still be written by a worker that is alive: come again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """What the person is told of it."""

    deleted_at: datetime
    purge_at: datetime


def next_look(now: datetime, seconds: int) -> datetime:
    """Say when somebody should look after an erasure that has not ended by then."""
    return now + timedelta(seconds=seconds)


def deletion_of(account: Account) -> str | None:
    """Tell one deletion of an account from another, so that a link undoes the one it is about."""
    return None if account.deleted_at is None else str(to_milliseconds(account.deleted_at))

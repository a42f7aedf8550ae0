"""A person's own account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latchkey.domain.account import Account
    from latchkey.domain.request import Caller
    from latchkey.storage.accounts import AccountStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The flows, and what they need."""

    accounts: AccountStore

    def read(self, caller: Caller) -> Account:
        """Return the caller's account. Raises AccountNotFound if it has just been erased."""
        return self.accounts.get(caller.account_id)

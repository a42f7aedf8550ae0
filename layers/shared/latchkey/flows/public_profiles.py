"""What others see of a person: the display name and the avatar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.account import AccountStatus
from latchkey.domain.errors import AccountNotFound, ProfilesNotPublic
from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latchkey.domain.account import Account
    from latchkey.domain.ids import AccountId
    from latchkey.storage.reads import AccountReader


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicProfiles:
    """The flow and its parts.

    is_enabled  the parameter PublicProfiles
    """

    accounts: AccountReader
    is_enabled: bool

    def read(self, account_id: AccountId) -> Account:
        """Return the account of a person who can be seen.

        Raises ProfilesNotPublic, AccountNotFound. An account that is suspended, deleted or unknown
        gets the same answer.
        """
        found = self.list([account_id])
        if not found:
            raise AccountNotFound
        return found[0]

    def list(self, account_ids: Sequence[AccountId]) -> list[Account]:
        """Return the accounts that can be seen, in the order of the ids. Others are omitted.

        Raises ProfilesNotPublic.
        """
        if not self.is_enabled:
            raise ProfilesNotPublic
        found = {account.id: account for account in self.accounts.get_many(account_ids)}
        return [
            found[account_id]
            for account_id in dict.fromkeys(account_ids)
            if account_id in found and found[account_id].status is AccountStatus.ACTIVE
        ]

"""The history of the caller's account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.audit import UNKNOWN_ACTOR
from latchkey.domain.paging import Slice
from latchkey.domain.values import dataclass
from latchkey.observability import logger
from latchkey.security.origins import read_personal
from latchkey.security.sealing import SealBrokenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from latchkey.domain.account import Account
    from latchkey.domain.audit import AuditRecord
    from latchkey.domain.request import Caller
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.audit import AuditStore
    from latchkey.storage.request_history import RequestHistory

_CHANGE = "aud_"
"""The prefix of ids of changes. Those of requests sort after them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityEntry:
    """A row and its personal data, opened with the subject's key."""

    row: AuditRecord
    personal: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """The flow and its parts."""

    accounts: AccountStore
    audit: AuditStore
    unseal: Callable[[bytes, bytes, str], bytes]

    def read(
        self, caller: Caller, *, limit: int, cursor: str | None
    ) -> tuple[Account, Slice[ActivityEntry]]:
        """List the history of the caller's account, newest first. Also returns the account.

        Raises InvalidCursor, AccountNotFound.
        """
        account = self.accounts.get(caller.account_id)
        page = self.audit.list_changes(account.audit.id, limit=limit, cursor=cursor)
        entries = [ActivityEntry(row=row, personal=self.open(account, row)) for row in page.entries]
        return account, Slice(entries, page.next_cursor)

    def open(self, account: Account, row: AuditRecord) -> dict[str, str]:
        """Open the personal data of a row, as far as the person may see it."""
        if row.sealed is None:
            return {}
        try:
            plain = self.unseal(account.audit.key, row.sealed, row.place)
        except SealBrokenError:
            # The row was changed. The verifier reports it; the person's list continues.
            logger.warning("a sealed row does not open", row_id=row.id)
            return {}
        personal = read_personal(plain)
        if row.actor not in {account.audit.id, UNKNOWN_ACTOR}:
            # The administrator's location is not shown to the person.
            personal.pop("ip_address", None)
            personal.pop("from_device", None)
        return personal


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteHistory:
    """The history of an account with its requests, for exports."""

    activity: Activity
    requests: RequestHistory

    def read_all(self, account: Account, *, after: str | None = None) -> Iterator[ActivityEntry]:
        """Read the complete history of an account after the row `after`: changes, then requests."""
        subject_id = account.audit.id
        if after is None or after.startswith(_CHANGE):
            for row in self.activity.audit.read_changes(subject_id, after=after):
                yield ActivityEntry(row=row, personal=self.activity.open(account, row))
            after = None
        for row in self.requests.read_all(subject_id, after=after):
            yield ActivityEntry(row=row, personal=self.activity.open(account, row))

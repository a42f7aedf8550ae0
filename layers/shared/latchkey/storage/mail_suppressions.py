"""Addresses that get no emails, each in the partition of its person.

An erasure removes it with the partition, an export includes it, and a later owner of the address is
not affected.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.account import email_key
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.limits import MAIL_EVENT_DAYS
from latchkey.domain.mail_health import MailSuppression, SuppressionReason
from latchkey.storage import keys
from latchkey.storage.records import from_item, to_item
from latchkey.storage.table import (
    ABSENT,
    Check,
    Compare,
    ConditionFailed,
    Has,
    Lacks,
    Put,
    Query,
    equals,
    read_all,
)

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.account import Account
    from latchkey.domain.effects import Effects
    from latchkey.domain.ids import AccountId
    from latchkey.storage.effects import EffectWriter
    from latchkey.storage.table import Item, Table


class MailSuppressionStore:
    """The suppressed addresses of all accounts."""

    def __init__(self, table: Table, effects: EffectWriter) -> None:
        """Use this table."""
        self._table = table
        self._effects = effects

    def find(self, account_id: AccountId, address: str) -> MailSuppression | None:
        """Return why an address of an account gets no emails, or None.

        Pattern      H1, before every mail to an account
        Request      GetItem
        Consistency  strong
        Cost         1 RRU
        """
        return _suppression(self._table.get(keys.mail_suppression(account_id, email_key(address))))

    def list_by_account(self, account_id: AccountId) -> list[MailSuppression]:
        """List an account's addresses that get no emails.

        Pattern      H2, export
        Request      Query
        Consistency  strong
        Cost         1 RRU
        Bounds       the addresses that the account has had: a handful
        """
        partition = keys.account_partition(account_id)
        query = Query(partition=partition, prefix=keys.MAIL_SUPPRESSION_PREFIX)
        found = (_suppression(item) for item in read_all(self._table, query))
        return [suppression for suppression in found if suppression is not None]

    def suppress(self, account: Account, suppression: MailSuppression, effects: Effects) -> bool:
        """Stop emails to an address. False if nothing changes.

        Pattern      H3, a mail bounced for good, or was reported
        Request      TransactWriteItems
        Cost         6 WRU: suppression, the account's check, audit row
        Condition    a report replaces a bounce, and nothing replaces a report; the address was not
                     allowed again since the event; the status of the account is unchanged
        Race         of two deliveries of one event, one writes the row. A changed account raises
                     ConditionFailed, and the event is delivered again
        """
        key = keys.mail_suppression(account.id, email_key(suppression.address))
        later = Lacks("allowed_at") | Compare("allowed_at", "<", to_milliseconds(suppression.since))
        new = ABSENT | (Lacks("reason") & later)
        if suppression.reason is SuppressionReason.REPORTED:
            new |= equals("reason", SuppressionReason.BOUNCED.value)
        put = Put(key, to_item(suppression), new)
        check = Check(keys.account(account.id), equals("status", account.status.value))
        try:
            self._table.transact([put, check, *self._effects.writes(effects)])
        except ConditionFailed as failed:
            if failed.write != put:
                raise
            return False
        return True

    def allow(self, account_id: AccountId, address: str, now: datetime, effects: Effects) -> bool:
        """Allow emails to an address again. False if they were not stopped.

        The remaining item makes late events have no effect.

        Pattern      H4, an operator allows them
        Request      TransactWriteItems
        Cost         4 WRU: suppression and audit row
        Condition    emails to the address are stopped
        """
        expires_at = now + timedelta(days=MAIL_EVENT_DAYS)
        kept: Item = {"allowed_at": to_milliseconds(now), "ttl": int(expires_at.timestamp())}
        put = Put(keys.mail_suppression(account_id, email_key(address)), kept, Has("reason"))
        try:
            self._table.transact([put, *self._effects.writes(effects)])
        except ConditionFailed:
            return False
        return True


def _suppression(item: Item | None) -> MailSuppression | None:
    return None if item is None or "reason" not in item else from_item(MailSuppression, item)

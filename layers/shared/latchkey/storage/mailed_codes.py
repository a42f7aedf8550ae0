"""Emailed codes. The transaction of the sign-in uses the code up, so it works once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.mailed_code import MailedCode
from latchkey.storage import keys
from latchkey.storage.fences import put_for_account
from latchkey.storage.records import from_item, to_item
from latchkey.storage.table import ABSENT, Put

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.storage.table import Table


class MailedCodeStore:
    """Valid codes."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def find(self, digest: str, now: datetime) -> MailedCode | None:
        """Read a valid code.

        Pattern      N1, sign-in with a code
        Request      GetItem
        Consistency  strong
        Cost         1 RRU, also without an account: the time must not reveal it
        """
        item = self._table.get(keys.mailed_code(digest))
        if item is None:
            return None
        code = from_item(MailedCode, item)
        return code if now < code.expires_at else None

    def put_new(self, code: MailedCode) -> None:
        """Issue a code.

        Pattern      N2, when its mail is written
        Request      TransactWriteItems
        Cost         4 WRU and 1 for the index: the code and the account's check
        Condition    no code has this digest, and the account is not being erased
        Raises       AccountNotFound
        """
        attributes = {
            **to_item(code),
            "ttl": int(code.expires_at.timestamp()),
            # An index entry of its account, so that an erasure finds it.
            "gsi1pk": keys.account_tokens_partition(code.account_id),
            "gsi1sk": code.digest,
        }
        put = Put(keys.mailed_code(code.digest), attributes, ABSENT)
        put_for_account(self._table, code.account_id, put)

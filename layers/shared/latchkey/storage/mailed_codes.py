"""Mailed codes. Who signs in with one uses it up in the same transaction, so it works once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.mailed_code import MailedCode
from latchkey.storage import keys
from latchkey.storage.records import from_item, to_item
from latchkey.storage.table import ABSENT, Put

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.storage.table import Table


class MailedCodeStore:
    """The codes that are still good for something."""

    def __init__(self, table: Table) -> None:
        """Keep them in this table."""
        self._table = table

    def find(self, digest: str, now: datetime) -> MailedCode | None:
        """Read a code that can still be used.

        Pattern      N1, sign-in with a code
        Request      GetItem
        Consistency  strong
        Cost         1 RRU, also for an account that nobody has: how long it takes must not tell
        """
        item = self._table.get(keys.mailed_code(digest))
        if item is None:
            return None
        code = from_item(MailedCode, item)
        return code if now < code.expires_at else None

    def put_new(self, code: MailedCode) -> None:
        """Issue a code.

        Pattern      N2, when its mail is written
        Request      PutItem
        Cost         1 WRU
        Condition    there is none of this digest
        """
        attributes = {
            **to_item(code),
            "ttl": int(code.expires_at.timestamp()),
            # Found by its account when that is erased.
            "gsi1pk": keys.account_tokens_partition(code.account_id),
            "gsi1sk": code.digest,
        }
        self._table.put(Put(keys.mailed_code(code.digest), attributes, ABSENT))

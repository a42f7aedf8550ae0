"""Preferences: one item per person, with the document as JSON text.

Text, because DynamoDB's maps lose fractions and order, and because no query uses the keys of a
deployment's preferences.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from latchkey.domain.clock import from_milliseconds, to_milliseconds
from latchkey.domain.errors import AccountNotFound
from latchkey.domain.preferences import Preferences
from latchkey.storage import keys
from latchkey.storage.fences import not_erasing
from latchkey.storage.table import ABSENT, ConditionFailed, Put, equals

if TYPE_CHECKING:
    from latchkey.domain.effects import Effects
    from latchkey.domain.ids import AccountId
    from latchkey.storage.effects import EffectWriter
    from latchkey.storage.table import Table


class PreferenceStore:
    """The preferences of all accounts."""

    def __init__(self, table: Table, effects: EffectWriter) -> None:
        """Use this table."""
        self._table = table
        self._effects = effects

    def find(self, account_id: AccountId) -> Preferences | None:
        """Read a person's preferences, or None if they were never set.

        Pattern      F1, read preferences
        Request      GetItem
        Consistency  strong: a read returns the last change
        Cost         1 RRU per 4 KiB, so 4 at most
        """
        item = self._table.get(keys.preferences(account_id))
        if item is None:
            return None
        return Preferences(
            document=json.loads(str(item["document"])),
            updated_at=from_milliseconds(int(str(item["updated_at"]))),
            version=int(str(item["version"])),
        )

    def put(self, account_id: AccountId, preferences: Preferences, effects: Effects) -> bool:
        """Replace a person's preferences; a reset is an empty document.

        Pattern      F2, replace and reset
        Request      TransactWriteItems
        Cost         6 WRU for a document below 1 KiB: document, the account's check, audit row
        Condition    the account is not being erased, and the stored version is the one before
        Race         False after a concurrent change. For an account that is erased in the meantime
                     nothing is written
        Raises       AccountNotFound
        """
        text = json.dumps(preferences.document, ensure_ascii=False, separators=(",", ":"))
        before = preferences.version - 1
        put = Put(
            keys.preferences(account_id),
            {
                "document": text,
                "updated_at": to_milliseconds(preferences.updated_at),
                "version": preferences.version,
            },
            ABSENT if before == 0 else equals("version", before),
        )
        check = not_erasing(account_id)
        try:
            self._table.transact([check, put, *self._effects.writes(effects)])
        except ConditionFailed as failed:
            if failed.write is check:
                raise AccountNotFound from failed
            return False
        return True

"""Idempotency keys, claimed in the transaction of what they create.

A claimed key therefore always has its result: no lock can remain after a crash, and there is no
state "in progress". Of two parallel requests with one key, one creates and the other finds the
result. Only plain facts of the result are stored. A response with credentials is created again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.clock import to_milliseconds
from latchkey.domain.errors import IdempotencyKeyReused
from latchkey.storage import keys
from latchkey.storage.records import from_item

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.idempotency import IdempotencyKey
    from latchkey.domain.ids import AccountId
    from latchkey.storage.table import Table


class IdempotencyStore:
    """Used idempotency keys."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def find[Created](
        self, kind: type[Created], owner: AccountId | None, key: IdempotencyKey, now: datetime
    ) -> Created | None:
        """Return the result of a key, or None if it is unused.

        kind   the dataclass that `KeyUsed` tied to it
        owner  an account id; None for a registration

        Pattern      I1, before a request, and after a parallel request was first
        Request      GetItem
        Consistency  strong
        Cost         1 RRU
        Raises       IdempotencyKeyReused: it was used for a request with another body
        """
        item = self._table.get(keys.idempotency(owner, key.digest))
        if item is None or int(str(item["expires_at"])) <= to_milliseconds(now):
            return None
        if item["fingerprint"] != key.fingerprint:
            raise IdempotencyKeyReused
        created = item["created"]
        return from_item(kind, created) if isinstance(created, dict) else None

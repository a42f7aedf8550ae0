"""Idempotency keys, claimed in the transaction of what they create.

So there is no moment at which a key is taken and its thing is not there: no lock that a crash
leaves behind, no "still running" to answer. Of two requests with one key that arrive together, one
creates and the other finds what was created. What is kept is what was created, by its plain facts;
an answer with a credential in it is made anew.
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
    from latchkey.storage.table import Table


class IdempotencyStore:
    """The keys that people have used."""

    def __init__(self, table: Table) -> None:
        """Keep them in this table."""
        self._table = table

    def find[Created](
        self, kind: type[Created], owner: str | None, key: IdempotencyKey, now: datetime
    ) -> Created | None:
        """Read what a key has created; None when it has created nothing yet.

        kind   the dataclass that `KeyUsed` tied to it
        owner  an account id; None for a registration, where nobody is signed in

        Pattern      I1, before creating, and after another request was first
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

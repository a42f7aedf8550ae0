"""Idempotency keys, claimed in the transaction of what they create.

So there is no moment at which a key is taken and its thing is not there: no lock that a crash
leaves behind, no "still running" to answer. Of two requests with one key that arrive together, one
creates and the other finds what was created. What is kept is what was created, by its plain facts;
an answer with a credential in it is made anew.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.errors import IdempotencyKeyReused
from latchkey.domain.limits import IDEMPOTENCY_RETENTION_HOURS
from latchkey.storage import keys
from latchkey.storage.records import to_milliseconds
from latchkey.storage.table import ABSENT, Compare, Put

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from latchkey.domain.idempotency import IdempotencyKey
    from latchkey.storage.table import Item, Table, Value


class IdempotencyStore:
    """The keys that people have used."""

    def __init__(self, table: Table) -> None:
        """Keep them in this table."""
        self._table = table

    def find(self, account_id: str | None, key: IdempotencyKey, now: datetime) -> Item | None:
        """Read what a key has created; None when it has created nothing yet.

        account_id  whose key it is; None for a registration, where nobody is signed in

        Pattern      I1, before creating, and after another request was first
        Request      GetItem
        Consistency  strong
        Cost         1 RRU
        Raises       IdempotencyKeyReused: it was used for a request with another body
        """
        item = self._table.get(keys.idempotency(account_id, key.digest))
        if item is None or int(str(item["expires_at"])) <= to_milliseconds(now):
            return None
        if item["fingerprint"] != key.fingerprint:
            raise IdempotencyKeyReused
        created = item["created"]
        return created if isinstance(created, dict) else {}


def claim(
    account_id: str | None, key: IdempotencyKey, created: Mapping[str, Value], now: datetime
) -> Put:
    """Make the write that ties a key to what it creates, for the transaction that creates it.

    created    its id and plain facts; never a credential
    Condition  nobody has used the key, or not for a day
    """
    expires_at = now + timedelta(hours=IDEMPOTENCY_RETENTION_HOURS)
    attributes: Item = {
        "fingerprint": key.fingerprint,
        "created": dict(created),
        "expires_at": to_milliseconds(expires_at),
        "ttl": int(expires_at.timestamp()),
    }
    unused = ABSENT | Compare("expires_at", "<=", to_milliseconds(now))
    return Put(keys.idempotency(account_id, key.digest), attributes, unused)

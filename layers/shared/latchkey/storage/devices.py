"""The devices that an account has been signed in on, for as long as browsers keep a cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.clock import from_milliseconds
from latchkey.storage import keys

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.storage.table import Table


class DeviceStore:
    """Known devices, by the id that each was given at its first sign-in."""

    def __init__(self, table: Table) -> None:
        """Keep them in this table."""
        self._table = table

    def last_seen(self, account_id: str, device_id: str, now: datetime) -> datetime | None:
        """Tell when the account was last signed in on this device; None if it never was.

        Pattern      D1, sign-in: how its attempts are counted, and whether its owner gets a mail
        Request      GetItem
        Consistency  strong
        Cost         1 RRU
        """
        item = self._table.get(keys.device(account_id, device_id))
        if item is None or int(str(item["ttl"])) <= now.timestamp():
            return None
        return from_milliseconds(int(str(item["seen_at"])))

"""Known devices of an account, kept as long as browsers keep the cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.clock import from_milliseconds
from latchkey.storage import keys

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.ids import AccountId, DeviceId
    from latchkey.storage.table import Item, Table


class DeviceStore:
    """Known devices, by the id from their first sign-in."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def last_seen(
        self, account_id: AccountId, device_id: DeviceId, now: datetime
    ) -> datetime | None:
        """Return the last sign-in of the account on this device, or None.

        Pattern      D1, repeated registration, link of a new address: whether the device is known
        Request      GetItem
        Consistency  strong
        Cost         1 RRU
        """
        return decode_last_seen(self._table.get(keys.device(account_id, device_id)), now)


def decode_last_seen(item: Item | None, now: datetime) -> datetime | None:
    """Return the last sign-in on a stored device, or None if it is forgotten."""
    if item is None or int(str(item["ttl"])) <= now.timestamp():
        return None
    return from_milliseconds(int(str(item["seen_at"])))

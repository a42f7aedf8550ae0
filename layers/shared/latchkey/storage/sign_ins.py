"""What a sign-in reads before the password is verified, in one request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass
from latchkey.storage import keys
from latchkey.storage.accounts import decode_account
from latchkey.storage.devices import decode_last_seen
from latchkey.storage.rate_limits import decode_attempts
from latchkey.storage.table import Key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from latchkey.domain.account import Account
    from latchkey.domain.ids import AccountId, DeviceId
    from latchkey.domain.throttle import Attempts, Counter
    from latchkey.storage.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What is known of a person who wants to sign in.

    device_seen_at  the last sign-in of the account on the device; None: the device is unknown
    attempts        the failed attempts in each counter
    """

    account: Account | None
    device_seen_at: datetime | None
    attempts: Mapping[Counter, Attempts]


class SignInReader:
    """Reads accounts, devices and counters together."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def read(
        self,
        account_id: AccountId,
        device_id: DeviceId | None,
        counters: Sequence[Counter],
        now: datetime,
    ) -> Candidate:
        """Read an account, the device and the counters of an attempt.

        account_id  that of an unknown identifier finds nothing, at the same cost

        Pattern      A13, sign-in
        Request      BatchGetItem
        Consistency  strong, but not of one instant: each write has its own condition
        Cost         1 RRU for the account, the device, and each counter; also for missing ones
        """
        account = keys.account(account_id)
        device = None if device_id is None else keys.device(account_id, device_id)
        attempts = {c: keys.attempts(c.backoff.name, c.subject) for c in counters}
        wanted = [account, *([] if device is None else [device]), *attempts.values()]
        found = {
            Key(str(item["pk"]), str(item["sk"])): item for item in self._table.get_many(wanted)
        }
        return Candidate(
            account=decode_account(found.get(account)),
            device_seen_at=None if device is None else decode_last_seen(found.get(device), now),
            attempts={c: decode_attempts(found.get(key), now) for c, key in attempts.items()},
        )

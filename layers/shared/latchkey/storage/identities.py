"""Identities at other issuers: what their tokens find, and the first sight of a person."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.account import Account
from latchkey.domain.clock import from_milliseconds, to_milliseconds
from latchkey.domain.identity import Identity
from latchkey.domain.limits import EXTERNAL_SIGN_IN_MAX_DAYS
from latchkey.domain.session import EndReason
from latchkey.domain.values import dataclass
from latchkey.storage import keys
from latchkey.storage.changes import begin, index_attributes, writes_of
from latchkey.storage.records import from_item, to_item
from latchkey.storage.table import ABSENT, ConditionFailed, Put, Query, read_all

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from latchkey.domain.changes import Change
    from latchkey.domain.effects import Effects
    from latchkey.domain.ids import AccountId, IdentityId, SessionId
    from latchkey.domain.session import Session
    from latchkey.storage.effects import EffectWriter
    from latchkey.storage.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known of a session that has no item.

    account      of the identity, or None
    forgotten    why the session ended, if it did and was then removed
    is_forgotten whether it was
    erased_at    when the account of this identity was erased, or None
    """

    account: Account | None
    is_forgotten: bool
    forgotten: EndReason | None
    erased_at: datetime | None


class IdentityStore:
    """The identities of one deployment."""

    def __init__(self, table: Table, effects: EffectWriter) -> None:
        """Use this table."""
        self._table = table
        self._effects = effects

    def find(self, account_id: AccountId, identity_id: IdentityId, session_id: SessionId) -> Found:
        """Read what decides whether a token may start a session.

        Pattern      J1, a token of another issuer without a session
        Request      BatchGetItem
        Consistency  strong
        Cost         1 RRU for each of the three that exists
        """
        account_key = keys.account(account_id)
        forgotten_key = keys.forgotten_session(account_id, session_id)
        erased_key = keys.erased_identity(identity_id)
        items = self._table.get_many([account_key, forgotten_key, erased_key])
        found = {(item["pk"], item["sk"]): item for item in items}
        account = found.get((account_key.pk, account_key.sk))
        forgotten = found.get((forgotten_key.pk, forgotten_key.sk))
        erased = found.get((erased_key.pk, erased_key.sk))
        reason = None if forgotten is None else forgotten.get("reason")
        return Found(
            account=None if account is None else from_item(Account, account),
            is_forgotten=forgotten is not None,
            forgotten=None if reason is None else EndReason(str(reason)),
            erased_at=None if erased is None else from_milliseconds(int(str(erased["erased_at"]))),
        )

    def list_by_account(self, account_id: AccountId) -> list[Identity]:
        """List the identities of an account.

        Pattern      J4, export
        Request      Query
        Consistency  strong
        Cost         1 RRU
        """
        query = Query(partition=keys.account_partition(account_id), prefix=keys.IDENTITY_PREFIX)
        return [from_item(Identity, item) for item in read_all(self._table, query)]

    def create(
        self, account: Account, session: Session, effects: Effects, *, also: Sequence[Change]
    ) -> bool:
        """Create the account of an identity and its first session.

        also  the identity, and the check that it was not erased since its sign-in

        Pattern      J2, the first sight of a person
        Request      TransactWriteItems
        Cost         16 WRU: account, identity, session, check and two audit rows at 2 each, 1 for
                     the account's index and 2 for the session's; rows have indexes, too
        Condition    there is no account of this id, and the identity was not erased since
        Race         of a hundred first requests one gets True; the others find its result
        """
        writes = [
            Put(
                keys.account(account.id), {**to_item(account), **index_attributes(account)}, ABSENT
            ),
            begin(session),
            *writes_of(also),
            *self._effects.writes(effects),
        ]
        try:
            self._table.transact(writes)
        except ConditionFailed:
            return False
        return True

    def forget(self, sessions: Sequence[Session], at: datetime) -> None:
        """Replace ended sessions by markers, to keep the partition small.

        The marker is written first: a session without an item and without a marker starts again.

        Pattern      J3, a new session, beyond ENDED_SESSIONS_KEPT
        Request      PutItem, BatchWriteItem
        Cost         2 WRU each
        """
        until = at + timedelta(days=EXTERNAL_SIGN_IN_MAX_DAYS)
        for session in sessions:
            reason = session.end_reason
            marker = Put(
                keys.forgotten_session(session.account_id, session.id),
                {
                    "reason": None if reason is None else reason.value,
                    "ended_at": to_milliseconds(session.ended_at or at),
                    "ttl": int(until.timestamp()),
                },
            )
            self._table.put(marker)
        self._table.delete_many([keys.session(s.account_id, s.id) for s in sessions])

"""Sessions, in the partition of their person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.account import AccountStatus
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.limits import OVERDUE_SESSIONS_A_RUN
from latchkey.domain.session import Session
from latchkey.domain.values import replace
from latchkey.storage import keys
from latchkey.storage.changes import account_changed, begin, ended_session_ttl, writes_of
from latchkey.storage.reads import SessionReader
from latchkey.storage.records import from_item, to_item
from latchkey.storage.table import (
    EXISTS,
    Change,
    Compare,
    ConditionFailed,
    Key,
    Lacks,
    Query,
    Update,
    equals,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from latchkey.domain.account import Role
    from latchkey.domain.changes import AccountChange
    from latchkey.domain.changes import Change as Decided
    from latchkey.domain.effects import Effects
    from latchkey.domain.session import Device, EndReason, Use
    from latchkey.storage.effects import EffectWriter
    from latchkey.storage.table import Table, Write


class SessionStore(SessionReader):
    """The sessions of every account."""

    def __init__(self, table: Table, effects: EffectWriter) -> None:
        """Use this table."""
        super().__init__(table)
        self._effects = effects

    def start(
        self,
        session: Session,
        *,
        session_version: int,
        ending: Sequence[tuple[Session, EndReason]],
        effects: Effects,
        also: Sequence[Decided] = (),
        password_hash: str | None = None,
    ) -> bool:
        """Start a session, and end those that it replaces or that are over the limit.

        also  other writes, such as that of the known device
        password_hash  a new hash of the verified password, if its parameters are outdated

        Pattern      S3, sign-in
        Request      TransactWriteItems
        Cost         6 WRU (session, account, audit row), 4 for each session that it ends, 2 for
                     each write in `also` and each message, and 1 for each of its two indexes
        Condition    the account is active and its set of sessions is unchanged since it was read.
                     Every change of password, role or status increments session_version
                     too, so these are unchanged as well
        Race         False if not: read again, and compare with the verified credentials before
                     deciding again. A suspended account or an old password starts no session, and
                     two sign-ins together do not exceed the limit
        """
        writes: list[Write] = [
            Update(
                keys.account(session.account_id),
                Change(
                    assign={} if password_hash is None else {"password_hash": password_hash},
                    add={"session_version": 1},
                ),
                equals("status", AccountStatus.ACTIVE) & equals("session_version", session_version),
            ),
            begin(session),
            *(self._end(old, session.created_at, reason) for old, reason in ending),
            *writes_of(also),
        ]
        return self._transact(writes, effects)

    def end(self, session: Session, at: datetime, reason: EndReason, effects: Effects) -> bool:
        """End one session.

        Pattern      S4, sign a device out
        Request      TransactWriteItems
        Cost         4 WRU: session and audit row
        Condition    the session has not ended
        Race         the second of two gets False and writes nothing; a refresh in flight fails at
                     the condition of the same item
        """
        return self._transact([self._end(session, at, reason)], effects)

    def end_many(
        self,
        sessions: Sequence[Session],
        at: datetime,
        reason: EndReason,
        effects: Effects,
        *,
        account: AccountChange,
        also: Sequence[Decided] = (),
    ) -> bool:
        """End several sessions of one account and change the account in one transaction.

        account  the change of the account; concurrent sign-ins fail, also if nothing else changes
        also     further changes, such as the redeemed token

        Pattern      S7, sign out everywhere; password changed; account suspended or deleted
        Request      TransactWriteItems
        Cost         2 WRU each for the sessions, the account, and every row and message
        Bounds       SESSION_LIMIT_MAX sessions leave room for 10 other writes in one transaction
        Condition    each session has not ended, and the account's set of sessions is unchanged
        Race         False if not: read again, decide again
        """
        writes: list[Write] = [
            *account_changed(account, ended_at=at),
            *(self._end(session, at, reason) for session in sessions),
            *writes_of(also),
        ]
        return self._transact(writes, effects)

    def change_role(
        self,
        sessions: Sequence[Session],
        role: Role,
        effects: Effects,
        *,
        account: AccountChange,
        also: Sequence[Decided] = (),
    ) -> bool:
        """Change the role of an account and of its sessions in one transaction.

        account  the change of the account; concurrent sign-ins fail

        Pattern      S10, an administrator changes a role
        Request      TransactWriteItems
        Cost         2 WRU each for the sessions, the account and the row
        Condition    the account's set of sessions is unchanged, and each session has not ended
        Race         False if not: read again, decide again
        """
        change = Change(assign={"role": role.value})
        writes: list[Write] = [
            *account_changed(account),
            *(
                Update(keys.session(s.account_id, s.id), change, EXISTS & Lacks("ended_at"))
                for s in sessions
            ),
            *writes_of(also),
        ]
        return self._transact(writes, effects)

    def rotate(
        self,
        session: Session,
        at: datetime,
        idle_timeout: timedelta,
        use: Use,
        effects: Effects | None = None,
    ) -> tuple[Session | None, bool]:
        """Replace the refresh token of a session, once.

        use      the use of the session by the refresh
        effects  the audit row and the email about use elsewhere, or None

        Returns the current session, or None if it no longer exists, and whether this call rotated
        it.

        Pattern      S8, refresh
        Request      UpdateItem
        Cost         1 WRU; with effects a TransactWriteItems of 8 WRU
        Condition    the generation is unchanged, the session has not ended, and
                     neither timeout has passed
        Race         of parallel callers one rotates; the others get its result. Ending the
                     session writes the same item, so a refresh can't outlive it
        """
        is_current = equals("generation", session.generation)
        is_alive = (
            EXISTS
            & Lacks("ended_at")
            & Compare("expires_at", ">", to_milliseconds(at))
            & Compare("last_activity_at", ">", to_milliseconds(at - idle_timeout))
        )
        rotated = replace(
            session,
            generation=session.generation + 1,
            used_generation=session.generation,
            rotated_at=at,
            last_activity_at=at,
            last_use=use,
            told_elsewhere_at=session.told_elsewhere_at if effects is None else at,
        )
        item = to_item(rotated)
        names = ["generation", "used_generation", "rotated_at", "last_activity_at", "last_use"]
        if effects is not None:
            names.append("told_elsewhere_at")
        update = Update(
            keys.session(session.account_id, session.id),
            Change(assign={name: item[name] for name in names}),
            is_current & is_alive,
        )
        try:
            if effects is not None:
                self._table.transact([update, *self._effects.writes(effects)])
                return rotated, True
            return from_item(Session, self._table.update(update)), True
        except ConditionFailed as failed:
            return (None if failed.item is None else from_item(Session, failed.item)), False

    def reauthenticate(self, session: Session, at: datetime, effects: Effects) -> bool:
        """Record a step-up.

        Pattern      S9, step-up
        Request      TransactWriteItems
        Cost         4 WRU: session and audit row
        Condition    the session has not ended
        """
        update = Update(
            keys.session(session.account_id, session.id),
            Change(assign={"reauthenticated_at": to_milliseconds(at)}),
            EXISTS & Lacks("ended_at"),
        )
        return self._transact([update], effects)

    def rename(self, session: Session, device: Device, effects: Effects) -> bool:
        """Change the description of a session's device.

        Pattern      S11, rename a device
        Request      TransactWriteItems
        Cost         4 WRU: session and audit row
        Condition    the session has not ended
        Race         of two names the later one remains
        """
        update = Update(
            keys.session(session.account_id, session.id),
            Change(assign={"device": to_item(device)}),
            EXISTS & Lacks("ended_at"),
        )
        return self._transact([update], effects)

    def delete_history(self, sessions: Sequence[Session]) -> None:
        """Remove ended sessions before their TTL, to keep the partition small.

        Pattern      S6, at sign-in, beyond ENDED_SESSIONS_KEPT
        Request      BatchWriteItem
        Cost         1 WRU each
        """
        self._table.delete_many([keys.session(s.account_id, s.id) for s in sessions])

    def remove_overdue(self, began_before: datetime, now: datetime) -> int:
        """Remove sessions that DynamoDB's TTL should have removed. Returns their number.

        began_before  sessions that began before this must not exist anymore

        Pattern      S12, cleanup
        Request      Query, BatchGetItem, BatchWriteItem
        Consistency  eventual for what is found, strong for what is removed
        Cost         2 RRU when nothing is overdue; else 1 RRU and 3 WRU a session
        Bounds       OVERDUE_SESSIONS_A_RUN
        """
        found = [
            Key(str(item["pk"]), str(item["sk"]))
            for partition in keys.sessions_partitions()
            for item in self._table.query(
                Query(
                    partition=partition,
                    between=(keys.due(0, ""), keys.due(to_milliseconds(began_before), "~")),
                    limit=OVERDUE_SESSIONS_A_RUN // keys.LIST_SHARDS,
                    index="gsi1",
                )
            ).items
        ]
        items = self._table.get_many(found) if found else []
        overdue = [
            Key(str(item["pk"]), str(item["sk"]))
            for item in items
            if int(str(item["ttl"])) <= int(now.timestamp())
        ]
        if overdue:
            self._table.delete_many(overdue)
        return len(overdue)

    def _transact(self, writes: Sequence[Write], effects: Effects) -> bool:
        """Write everything, with its effects, in one transaction. False if a condition failed."""
        try:
            self._table.transact([*writes, *self._effects.writes(effects)])
        except ConditionFailed:
            return False
        return True

    def _end(self, session: Session, at: datetime, reason: EndReason) -> Update:
        return Update(
            keys.session(session.account_id, session.id),
            Change(
                assign={
                    "ended_at": to_milliseconds(at),
                    "end_reason": reason.value,
                    "ttl": ended_session_ttl(session, at),
                }
            ),
            EXISTS & Lacks("ended_at"),
        )

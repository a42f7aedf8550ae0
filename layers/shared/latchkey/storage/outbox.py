"""The outbox: background work that a transaction has promised.

A message is written with its change, relayed to its queue from the table's stream, claimed by a
worker and removed when the work is done. As long as the item exists, the work is not done. A
repeated delivery of a finished message finds no item.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, cast

from latchkey.domain.clock import to_milliseconds
from latchkey.domain.effects import OutboxMessage, Queue
from latchkey.domain.ids import minted_at
from latchkey.domain.limits import (
    HEARTBEAT_RETENTION_DAYS,
    OUTBOX_ATTEMPTS_MAX,
    OUTBOX_OVERDUE_SECONDS,
    OUTBOX_RETENTION_DAYS,
    OUTBOX_SWEEP_HOURS,
)
from latchkey.storage import keys
from latchkey.storage.table import (
    EXISTS,
    Change,
    Compare,
    ConditionFailed,
    Delete,
    Key,
    Lacks,
    Put,
    Query,
    Update,
    read_all,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from latchkey.domain.ids import MessageId
    from latchkey.storage.table import Table


class NotClaimed(Enum):
    """Why a worker may not process a message."""

    DONE = "done"
    """It does not exist anymore: the work is done."""
    LEASED = "leased"
    """Another worker has it, or has crashed. Retry after the lease."""
    POSTPONED = "postponed"
    """It is postponed and has another delivery for later. Drop this one."""


class OutboxStore:
    """Pending messages."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def claim(
        self, queue: Queue, message_id: MessageId, now: datetime, lease: timedelta
    ) -> OutboxMessage | NotClaimed:
        """Claim a message for the time of the lease.

        Pattern      O1, a worker got a delivery
        Request      UpdateItem
        Cost         1 WRU
        Condition    the message exists, has no active lease, and is not postponed
        Race         of two deliveries at once one is LEASED; it must be delivered again, because
                     the other worker may die
        """
        change = Change(assign={"leased_until": to_milliseconds(now + lease)}, add={"attempts": 1})
        present = to_milliseconds(now)
        free = Lacks("leased_until") | Compare("leased_until", "<=", present)
        due = Lacks("postponed_until") | Compare("postponed_until", "<=", present)
        update = Update(keys.outbox(queue, message_id), change, EXISTS & free & due)
        try:
            item = self._table.update(update)
        except ConditionFailed as failed:
            if failed.item is None:
                return NotClaimed.DONE
            waits = cast("int", failed.item.get("postponed_until", 0)) > present
            return NotClaimed.POSTPONED if waits else NotClaimed.LEASED
        body = cast("dict[str, str | int | bool | None]", item["body"])
        attempt = int(str(item["attempts"]))
        return OutboxMessage(id=message_id, queue=queue, body=body, attempt=attempt)

    def postpone(
        self, queue: Queue, message_id: MessageId, until: datetime, *, claimed: bool
    ) -> bool:
        """Postpone a message. Its sender delivers it again later. False if it is done.

        claimed  whether the caller has the lease: it is released, and the attempt does not count
                 towards OUTBOX_ATTEMPTS_MAX

        Pattern      O6, a worker must retry later
        Request      UpdateItem
        Cost         1 WRU
        Condition    the message exists
        Race         every other delivery finds it POSTPONED and is dropped, so that copies of a
                     message do not multiply while it waits
        """
        change = Change(
            assign={"postponed_until": to_milliseconds(until)},
            add={"postponements": 1} if claimed else {},
            drop=("leased_until",) if claimed else (),
        )
        try:
            self._table.update(Update(keys.outbox(queue, message_id), change, EXISTS))
        except ConditionFailed:
            return False
        return True

    def settle(self, queue: Queue, message_id: MessageId) -> None:
        """Remove a finished message.

        Pattern      O2, a worker is done
        Request      DeleteItem
        Cost         1 WRU
        """
        self._table.delete(Delete(keys.outbox(queue, message_id)))

    def put_heartbeat(self, now: datetime) -> None:
        """Put an item that passes through the stream and that the relay ignores.

        Pattern      O5, the schedule that cleans up
        Request      PutItem
        Cost         1 WRU
        """
        expires_at = now + timedelta(days=HEARTBEAT_RETENTION_DAYS)
        self._table.put(Put(keys.heartbeat(now), {"ttl": int(expires_at.timestamp())}))

    def list_about(self, identifiers: frozenset[str], now: datetime) -> Iterator[Key]:
        """List the messages that contain one of a person's identifiers, for their erasure.

        identifiers  an account's id and its addresses, folded

        Pattern      O4, erasure
        Request      Query, for each day of OUTBOX_RETENTION_DAYS and each shard
        Consistency  strong
        Cost         1 RRU per query: 32 RRU when nothing is in the outbox
        """
        since = now - timedelta(days=OUTBOX_RETENTION_DAYS)
        for partition in keys.outbox_partitions(since, now):
            for item in read_all(self._table, Query(partition=partition)):
                key = Key(str(item["pk"]), str(item["sk"]))
                queue, _ = keys.outbox_message(key)
                body = cast("dict[str, object]", item["body"])
                values = {value.lower() for value in body.values() if isinstance(value, str)}
                # The worker removes the message of the erasure itself.
                if queue is not Queue.PURGE and values & identifiers:
                    yield key

    def list_overdue(self, now: datetime) -> Iterator[tuple[Queue, str]]:
        """List overdue messages, in no particular order.

        Their stream record was lost, or every delivery has failed. Relaying them again is safe at
        any time and any number of times: a worker claims before it works. Those that have been
        tried OUTBOX_ATTEMPTS_MAX times are left to the dead-letter queue, and postponed ones
        to their own delivery.

        Pattern      O3, the schedule that cleans up
        Request      Query, for each day of OUTBOX_SWEEP_HOURS and each shard
        Consistency  strong
        Cost         1 RRU per query: 16 RRU a sweep when nothing is overdue
        """
        until = now - timedelta(seconds=OUTBOX_OVERDUE_SECONDS)
        since = now - timedelta(hours=OUTBOX_SWEEP_HOURS)
        for partition in keys.outbox_partitions(since, until):
            for item in read_all(self._table, Query(partition=partition)):
                attempts = cast("int", item.get("attempts", 0))
                attempts -= cast("int", item.get("postponements", 0))
                waits = cast("int", item.get("postponed_until", 0)) > to_milliseconds(now)
                queue, message_id = keys.outbox_message(Key(str(item["pk"]), str(item["sk"])))
                tried_out = attempts >= OUTBOX_ATTEMPTS_MAX
                if since <= minted_at(message_id) <= until and not tried_out and not waits:
                    yield queue, message_id

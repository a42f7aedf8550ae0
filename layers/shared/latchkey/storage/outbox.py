"""The outbox: work that was promised in a transaction, until it has been done.

A message is written with the change that it follows from, relayed to its queue from the table's
stream, claimed by a worker and removed when the work is done. So while an item is here, its work
is not; a message that is delivered again finds no item and is over.
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

    from latchkey.storage.table import Table


class NotClaimed(Enum):
    """Why a worker may not work on a message."""

    DONE = "done"
    """It is not there any more: whoever did the work has removed it."""
    LEASED = "leased"
    """Somebody is at it, or died at it a moment ago: come back when the lease has run out."""
    POSTPONED = "postponed"
    """It waits, and has a delivery of its own for the time after that: this one is superfluous."""


class OutboxStore:
    """The messages whose work has not been done."""

    def __init__(self, table: Table) -> None:
        """Keep them in this table."""
        self._table = table

    def claim(
        self, queue: Queue, message_id: str, now: datetime, lease: timedelta
    ) -> OutboxMessage | NotClaimed:
        """Take a message to work on, for as long as the lease lasts.

        Pattern      O1, a worker got a delivery
        Request      UpdateItem
        Cost         1 WRU
        Condition    the message is there, nobody else's lease is running, and it does not wait
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

    def postpone(self, queue: Queue, message_id: str, until: datetime, *, claimed: bool) -> bool:
        """Let a message wait; its sender delivers it again afterwards. False if it is done.

        claimed  whether the caller has the lease: it is given back, and the attempt does not count
                 towards OUTBOX_ATTEMPTS_MAX

        Pattern      O6, a worker was told to come back later
        Request      UpdateItem
        Cost         1 WRU
        Condition    the message is there
        Race         every other delivery finds it POSTPONED and goes away, so that the copies of a
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

    def settle(self, queue: Queue, message_id: str) -> None:
        """Remove a message whose work has been done, and all that it said.

        Pattern      O2, a worker is done
        Request      DeleteItem
        Cost         1 WRU
        """
        self._table.delete(Delete(keys.outbox(queue, message_id)))

    def put_heartbeat(self, now: datetime) -> None:
        """Put an item that the relay is told of and passes over: it shows that the stream runs.

        Pattern      O5, the schedule that cleans up
        Request      PutItem
        Cost         1 WRU
        """
        expires_at = now + timedelta(days=HEARTBEAT_RETENTION_DAYS)
        self._table.put(Put(keys.heartbeat(now), {"ttl": int(expires_at.timestamp())}))

    def list_about(self, words: frozenset[str], now: datetime) -> Iterator[Key]:
        """List the messages whose body names somebody; for their erasure.

        words  an account's id and its addresses, folded

        Pattern      O4, erasure
        Request      Query, for each hour of OUTBOX_RETENTION_DAYS and each shard
        Consistency  strong
        Cost         1 RRU per query: 292 RRU when nothing is in the outbox
        """
        since = now - timedelta(days=OUTBOX_RETENTION_DAYS)
        for partition in keys.outbox_partitions(since, now):
            for item in read_all(self._table, Query(partition=partition)):
                key = Key(str(item["pk"]), str(item["sk"]))
                queue, _ = keys.outbox_message(key)
                body = cast("dict[str, object]", item["body"])
                said = {value.lower() for value in body.values() if isinstance(value, str)}
                # The order to erase is removed by whoever has carried it out.
                if queue is not Queue.PURGE and said & words:
                    yield key

    def list_overdue(self, now: datetime) -> Iterator[tuple[Queue, str]]:
        """List the messages that should have been worked on by now, oldest first.

        Their stream record was lost, or every delivery has failed. To relay them again is safe at
        any time and any number of times: a worker claims before it works. Those that have been
        tried OUTBOX_ATTEMPTS_MAX times are left to whoever reads the dead letters, and those that
        were told to wait to their own delivery.

        Pattern      O3, the schedule that cleans up
        Request      Query, for each hour of OUTBOX_SWEEP_HOURS and each shard
        Consistency  strong
        Cost         1 RRU per query: 100 RRU a sweep when nothing is overdue
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
                if minted_at(message_id) <= until and not tried_out and not waits:
                    yield queue, message_id

"""The outbox's store: claimed by one worker, settled once, found again if lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from latchkey.domain.effects import Effects, OutboxMessage, Queue
from latchkey.domain.ids import minted_at, new_id
from latchkey.domain.limits import OUTBOX_ATTEMPTS_MAX, OUTBOX_RETENTION_DAYS
from latchkey.security.sealing import seal
from latchkey.storage.effects import EffectWriter
from latchkey.storage.memory import MemoryTable
from latchkey.storage.outbox import NotClaimed, OutboxStore

NOW = datetime(2026, 1, 2, 3, 59, 30, tzinfo=UTC)
LEASE = timedelta(minutes=1)


@pytest.fixture
def table():
    return MemoryTable()


@pytest.fixture
def outbox(table):
    return OutboxStore(table)


def put(table, *, at=NOW, queue=Queue.MAIL):
    message = OutboxMessage(id=new_id("out", at), queue=queue, body={"kind": "test"})
    table.transact(EffectWriter(seal).writes(Effects(outbox=(message,))))
    return message


def claim(outbox, message, *, at=NOW):
    return outbox.claim(message.queue, message.id, at, LEASE)


def test_id_contains_its_time():
    assert minted_at(new_id("out", NOW)) == NOW


def test_claimed_message_has_its_content(outbox, table):
    message = put(table)
    assert claim(outbox, message) == message


def test_claimed_message_is_exclusive_until_the_lease_expires(outbox, table):
    message = put(table)
    claim(outbox, message)
    assert claim(outbox, message, at=NOW + LEASE / 2) is NotClaimed.LEASED
    assert claim(outbox, message, at=NOW + LEASE) == replace(message, attempt=2)


def test_one_of_fifty_parallel_claims_succeeds(outbox, table):
    message = put(table)
    with ThreadPoolExecutor(50) as pool:
        claims = list(pool.map(lambda _: claim(outbox, message), range(50)))
    assert claims.count(message) == 1
    assert claims.count(NotClaimed.LEASED) == 49


def test_settled_message_is_removed(outbox, table):
    message = put(table)
    claim(outbox, message)
    outbox.settle(message.queue, message.id)
    assert claim(outbox, message) is NotClaimed.DONE
    assert table.all_items() == []


def test_message_expires(table):
    put(table)
    (item,) = table.all_items()
    kept = timedelta(seconds=item["ttl"] - NOW.timestamp())
    assert kept == timedelta(days=OUTBOX_RETENTION_DAYS)


def test_unprocessed_message_is_found_for_a_day(outbox, table):
    lost = [put(table, at=NOW - timedelta(hours=hours)) for hours in (23, 5, 1)]
    put(table, at=NOW - timedelta(hours=24, minutes=1))
    put(table, at=NOW - timedelta(minutes=29))
    put(table, at=NOW - timedelta(hours=26))
    assert set(outbox.list_overdue(NOW)) == {(m.queue, m.id) for m in lost}


def test_failing_message_is_given_up(outbox, table):
    poisoned = put(table, at=NOW - timedelta(hours=1))
    for attempt in range(OUTBOX_ATTEMPTS_MAX):
        claim(outbox, poisoned, at=NOW + attempt * LEASE)
    assert list(outbox.list_overdue(NOW)) == []

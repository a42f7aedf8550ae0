"""Conditions of the session store for races.

Flows check most of this before they write. The conditions cover changes in between.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from latchkey.domain.effects import Effects
from latchkey.domain.session import EndReason, Use
from latchkey.security.sealing import seal
from latchkey.storage import keys
from latchkey.storage.effects import EffectWriter
from latchkey.storage.memory import MemoryTable
from latchkey.storage.records import to_item
from latchkey.storage.sessions import SessionStore
from latchkey.storage.table import Put
from tests.support.builders import NOW, a_session, an_account

IDLE = timedelta(days=14)
MILLISECOND = timedelta(milliseconds=1)
USE = Use.at("192.0.2.1", "Test/1", None)


@pytest.fixture
def store():
    return SessionStore(MemoryTable(), EffectWriter(seal))


@pytest.fixture
def session(store):
    made = a_session(an_account())
    store._table.put(Put(keys.session(made.account_id, made.id), to_item(made)))
    return made


def stored(store, session):
    return store.find(session.account_id, session.id)


def end(store, session, at=NOW):
    assert store.end(session, at, EndReason.REVOKED, Effects())


def test_session_rotates_until_it_expires(store, session):
    alive = store.rotate(session, session.expires_at - MILLISECOND, timedelta(days=365), USE)
    assert alive == (stored(store, session), True)


@pytest.mark.parametrize("late", [timedelta(0), MILLISECOND, timedelta(days=1)])
def test_expired_session_is_not_rotated(store, session, late):
    left, is_rotated = store.rotate(session, session.expires_at + late, timedelta(days=365), USE)
    assert (left, is_rotated) == (session, False)
    assert stored(store, session) == session


@pytest.mark.parametrize("late", [timedelta(0), MILLISECOND])
def test_idle_session_is_not_rotated(store, session, late):
    left, is_rotated = store.rotate(session, NOW + IDLE + late, IDLE, USE)
    assert (left, is_rotated) == (session, False)
    assert store.rotate(session, NOW + IDLE - MILLISECOND, IDLE, USE)[1]


def test_ended_session_is_not_rotated(store, session):
    end(store, session)
    left, is_rotated = store.rotate(session, NOW, IDLE, USE)
    assert not is_rotated
    assert left.ended_at is not None
    assert left.generation == session.generation


def test_removed_session_is_not_recreated(store, session):
    store.delete_history([session])
    assert store.rotate(session, NOW, IDLE, USE) == (None, False)
    store.touch(session, NOW, session.generation, USE)
    assert stored(store, session) is None


def test_ended_session_is_not_touched(store, session):
    end(store, session)
    before = stored(store, session)
    store.touch(session, NOW + timedelta(minutes=5), session.generation, USE)
    assert stored(store, session) == before


def test_late_touch_does_not_revert_a_rotation(store, session):
    newer, _ = store.rotate(session, NOW, IDLE, USE)
    store.touch(newer, NOW, newer.generation, USE)
    # From an authorizer that read the session before both.
    store.touch(session, NOW + timedelta(minutes=1), session.generation, USE)
    assert stored(store, session).used_generation == newer.generation


def test_a_session_ends_once(store, session):
    end(store, session)
    assert not store.end(session, NOW, EndReason.REVOKED, Effects())


def test_one_of_two_rotations_of_a_generation_succeeds(store, session):
    first, is_first = store.rotate(session, NOW, IDLE, USE)
    second, is_second = store.rotate(session, NOW, IDLE, USE)
    assert (is_first, is_second) == (True, False)
    assert first == second

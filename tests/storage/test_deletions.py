"""An erasure records and removes only while its deletion exists: nothing is removed uncounted."""

from __future__ import annotations

import pytest

from latchkey.domain.ids import AccountId, ConsentId
from latchkey.storage import keys
from latchkey.storage.memory import MemoryTable
from latchkey.storage.table import ConditionFailed, Put
from latchkey.wiring.upkeep import deletion_store
from tests.support.service import InProcessService

ADA = AccountId("usr_ada")
CONSENT = keys.consent(ADA, ConsentId("con_1"))


@pytest.fixture
def table():
    table = MemoryTable()
    table.put(Put(CONSENT, {"kind": "marketing"}))
    return table


@pytest.fixture
def store(table):
    return InProcessService(table=table).services[deletion_store]


def test_count_without_a_deletion_is_an_error(store, table):
    with pytest.raises(ConditionFailed):
        store.note(ADA, "picture", 3)
    assert table.get(keys.deletion(ADA)) is None


def test_count_of_a_kind_is_recorded_once(store, table):
    table.put(Put(keys.deletion(ADA), {}))
    store.note(ADA, "picture", 3)
    store.note(ADA, "picture", 1)
    assert 3 in table.get(keys.deletion(ADA)).values()


def test_items_are_not_removed_without_a_deletion_that_counts_them(store, table):
    with pytest.raises(ConditionFailed):
        store.erase(ADA, [(CONSENT, "consent")])
    assert table.get(CONSENT) is not None


def test_nothing_happens_if_one_of_the_items_is_gone(store, table):
    table.put(Put(keys.deletion(ADA), {}))
    gone = keys.consent(ADA, ConsentId("con_2"))
    before = table.get(keys.deletion(ADA))
    store.erase(ADA, [(CONSENT, "consent"), (gone, "consent")])
    assert table.get(CONSENT) is not None
    assert table.get(keys.deletion(ADA)) == before

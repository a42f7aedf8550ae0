"""Cursors continue their own list, and other lists refuse them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.domain.errors import InvalidCursor
from latchkey.storage.cursors import read_merged_page, read_page, write_position
from latchkey.storage.memory import MemoryTable
from latchkey.storage.table import Key, Put, Query

if TYPE_CHECKING:
    from latchkey.storage.table import Item

OWN = Query(partition="ACCOUNT#a", prefix="CONSENT#", newest_first=True, limit=2)


@pytest.fixture(scope="module")
def table():
    table = MemoryTable()
    for partition in ("ACCOUNT#a", "ACCOUNT#b"):
        for number in range(5):
            table.put(Put(Key(partition, f"CONSENT#{number}"), {"number": number}))
            indexed: Item = {"gsi1pk": "GROUP", "gsi1sk": f"{number}", "number": number}
            table.put(Put(Key(partition, f"OTHER#{number}"), indexed))
    return table


def page(table, query=OWN, *, pattern="consents", cursor=None):
    return read_page(table, query, lambda item: item["number"], pattern=pattern, cursor=cursor)


def walk(table, query):
    entries, cursor = [], None
    while True:
        part = page(table, query, cursor=cursor)
        entries += part.entries
        cursor = part.next_cursor
        if cursor is None:
            return entries


def test_pages_add_up_to_the_list(table):
    assert walk(table, OWN) == [4, 3, 2, 1, 0]


def test_an_index_can_be_read_in_pages_too(table):
    query = Query(partition="GROUP", index="gsi1", limit=3)
    assert walk(table, query) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_cursor_reveals_no_partition_key(table):
    cursor = page(table).next_cursor
    assert cursor is not None
    assert "ACCOUNT" not in base64.urlsafe_b64decode(cursor + "==").decode()


@pytest.mark.parametrize(
    ("query", "pattern"),
    [
        (Query(partition="ACCOUNT#b", prefix="CONSENT#", newest_first=True, limit=2), "consents"),
        (Query(partition="ACCOUNT#a", prefix="OTHER#", newest_first=True, limit=2), "consents"),
        (Query(partition="ACCOUNT#a", prefix="CONSENT#", limit=2), "consents"),
        (OWN, "sessions"),
    ],
    ids=["another owner", "other entities", "the other direction", "another listing"],
)
def test_cursor_of_another_list_is_refused(table, query, pattern):
    cursor = page(table).next_cursor
    with pytest.raises(InvalidCursor):
        page(table, query, pattern=pattern, cursor=cursor)


def forged(table, *position: object):
    """A cursor that has everything right but the position."""
    content = json.loads(base64.urlsafe_b64decode(str(page(table).next_cursor) + "=="))
    text = json.dumps([*content[:2], *position])
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "position",
    [
        (),
        ("",),
        (1,),
        (None,),
        ("CONSENT#1", "more"),
        ("SESSION#1",),
        ("CONSENT#" + "x" * 1024,),
        ("CONSENT#\ud800",),
        ("CONSENT#\x00",),
        (["CONSENT#1"],),
        ({},),
    ],
)
def test_invalid_position_is_refused_before_dynamodb(table, position):
    with pytest.raises(InvalidCursor):
        page(table, cursor=forged(table, *position))


def test_forged_position_reaches_only_the_callers_rows(table):
    assert page(table, cursor=forged(table, "CONSENT#3")).entries == [2, 1]


@given(st.one_of(st.text(), st.text(alphabet="AZaz09-_=", max_size=64)))
def test_noise_is_refused(table, noise):
    with pytest.raises(InvalidCursor):
        page(table, cursor=noise)


def test_a_deep_and_a_huge_cursor_are_refused(table):
    for hostile in (base64.urlsafe_b64encode(b"[" * 1500).decode(), "A" * 100_000):
        with pytest.raises(InvalidCursor):
            page(table, cursor=hostile)


def shards(low="0", high="9"):
    between = (low, high)
    return [Query(partition=f"SHARD#{shard}", between=between, index="gsi1") for shard in range(3)]


@pytest.fixture(scope="module")
def sharded():
    table = MemoryTable()
    for number in range(10):
        index: Item = {"gsi1pk": f"SHARD#{number * number % 3}", "gsi1sk": f"{number}"}
        table.put(Put(Key("ACCOUNT#a", f"SESSION#{number}"), index))
    return table


@pytest.mark.parametrize("limit", [1, 2, 3, 9, 10, 11])
def test_merged_pages_contain_each_entry_once_newest_first(sharded, limit):
    found, cursor = [], None
    while True:
        part = read_merged_page(sharded, shards(), pattern="p", cursor=cursor, limit=limit)
        assert len(part.entries) <= limit
        found += [int(str(item["gsi1sk"])) for item in part.entries]
        cursor = part.next_cursor
        if cursor is None:
            break
    assert found == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]


def test_merged_page_stays_within_its_bounds(sharded):
    part = read_merged_page(sharded, shards("2", "4"), pattern="p", cursor=None, limit=10)
    assert [item["gsi1sk"] for item in part.entries] == ["4", "3", "2"]
    assert part.next_cursor is None


@pytest.mark.parametrize("position", ["", "5" * 2000, "5\ud800", "5\n", ":", "/"])
def test_merged_page_refuses_positions_that_are_no_keys_of_it(sharded, position):
    cursor = write_position(position, "merged|p")
    with pytest.raises(InvalidCursor):
        read_merged_page(sharded, shards(), pattern="p", cursor=cursor, limit=2)


def test_merged_page_refuses_the_cursor_of_another_list(sharded):
    cursor = read_merged_page(sharded, shards(), pattern="p", cursor=None, limit=2).next_cursor
    with pytest.raises(InvalidCursor):
        read_merged_page(sharded, shards(), pattern="q", cursor=cursor, limit=2)

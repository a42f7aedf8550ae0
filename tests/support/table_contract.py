"""What the Table port promises, as one suite that every engine runs.

A subclass has a fixture `table`. Each test works in a partition of its own, so that the suite can
run on a table that others use.
"""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from latchkey.storage.aws import AwsError
from latchkey.storage.table import (
    ABSENT,
    EXISTS,
    Change,
    Check,
    Compare,
    ConditionFailed,
    Delete,
    Has,
    Item,
    Key,
    Lacks,
    Put,
    Query,
    Update,
    equals,
    read_all,
)

VALUES: Item = {
    "text": "Zoë \u0000 \U0001f511",
    "empty": "",
    "number": -12345678901234567890,
    "zero": 0,
    "yes": True,
    "no": False,
    "bytes": b"\x00\xff",
    "nothing": None,
    "list": ["a", 1, [True], {"deep": None}],
    "map": {"a": {"b": [1, 2]}},
}


def attributes(item):
    """What was written, without the keys and the engine's own mark."""
    return {n: v for n, v in item.items() if n not in {"pk", "sk", "write_id"}}


class TableContract:
    """Every engine's behavior."""

    @pytest.fixture
    def partition(self):
        return f"TEST#{secrets.token_hex(8)}"

    @pytest.fixture
    def key(self, partition):
        return Key(partition, "A")

    def test_an_item_comes_back_as_it_was_written(self, table, key):
        table.put(Put(key, VALUES))
        item = table.get(key)
        assert (item["pk"], item["sk"]) == (key.pk, key.sk)
        assert attributes(item) == VALUES

    def test_an_absent_item_is_none(self, table, key):
        assert table.get(key) is None

    def test_the_two_tables_are_apart(self, table, key):
        table.put(Put(key, {"in": "main"}))
        audit = Key(key.pk, key.sk, "audit")
        assert table.get(audit) is None
        table.put(Put(audit, {"in": "audit"}))
        assert table.get(key)["in"] == "main"

    def test_several_items_come_in_the_order_of_their_keys(self, table, partition):
        keys = [Key(partition, name) for name in "CAB"]
        for key in keys:
            table.put(Put(key, {}))
        found = table.get_many([*keys, Key(partition, "absent")])
        assert [item["sk"] for item in found] == ["C", "A", "B"]

    # Conditions

    def test_a_put_of_something_new_happens_once(self, table, key):
        table.put(Put(key, {"by": "first"}, ABSENT))
        with pytest.raises(ConditionFailed) as failed:
            table.put(Put(key, {"by": "second"}, ABSENT))
        assert failed.value.item["by"] == "first"
        assert table.get(key)["by"] == "first"

    @pytest.mark.parametrize(
        ("condition", "holds"),
        [
            (EXISTS, True),
            (ABSENT, False),
            (Has("n"), True),
            (Has("x"), False),
            (Lacks("x"), True),
            (Lacks("n"), False),
            (equals("n", 5), True),
            (equals("n", 6), False),
            (equals("n", "5"), False),
            (equals("yes", True), True),
            (equals("x", 5), False),
            (Compare("n", "<>", 6), True),
            (Compare("x", "<>", 6), True),
            (Compare("n", "<", 6), True),
            (Compare("n", "<", 5), False),
            (Compare("n", "<=", 5), True),
            (Compare("n", ">", 4), True),
            (Compare("n", ">=", 5), True),
            (Compare("text", ">", "a"), True),
            (Compare("x", ">", 0), False),
            (equals("n", 5) & equals("text", "b"), True),
            (equals("n", 5) & equals("text", "c"), False),
            (equals("n", 6) | equals("text", "b"), True),
            (equals("n", 6) | equals("text", "c"), False),
            (EXISTS & (Lacks("x") | equals("x", 1)) & Compare("n", ">", 0), True),
        ],
    )
    def test_a_condition_decides(self, table, key, condition, holds):
        table.put(Put(key, {"n": 5, "text": "b", "yes": True}))
        update = Update(key, Change(assign={"done": True}), condition)
        if holds:
            assert table.update(update)["done"] is True
        else:
            with pytest.raises(ConditionFailed):
                table.update(update)
            assert "done" not in table.get(key)

    def test_conditions_of_an_absent_item(self, table, key):
        for condition in (EXISTS, Has("n"), equals("n", 5), Compare("n", "<", 5)):
            with pytest.raises(ConditionFailed) as failed:
                table.update(Update(key, Change(assign={"done": True}), condition))
            assert failed.value.item is None
        assert table.get(key) is None

    # Updates

    def test_an_update_assigns_adds_and_drops(self, table, key):
        table.put(Put(key, {"keep": 1, "old": 2, "count": 3}))
        change = Change(assign={"new": 4}, add={"count": 5, "fresh": 6}, drop=("old", "never"))
        item = table.update(Update(key, change))
        expected = {"keep": 1, "count": 8, "new": 4, "fresh": 6}
        assert attributes(item) == expected
        assert attributes(table.get(key)) == expected

    def test_only_numbers_are_added_to(self, table, key):
        table.put(Put(key, {"n": "one"}))
        with pytest.raises((TypeError, AwsError)):
            table.update(Update(key, Change(add={"n": 1})))
        assert table.get(key)["n"] == "one"

    def test_update_creates_a_missing_item(self, table, key):
        assert table.update(Update(key, Change(add={"n": 1})))["n"] == 1

    def test_names_that_are_reserved_words_work(self, table, key):
        reserved_names = {"name": "a", "status": "b", "size": 1, "date": "c", "value": 2, "ttl": 3}
        table.put(Put(key, reserved_names))
        item = table.update(Update(key, Change(assign={"status": "d"}), equals("name", "a")))
        assert attributes(item) == {**reserved_names, "status": "d"}

    # Deletes

    def test_delete_returns_the_removed_item_and_is_idempotent(self, table, key):
        table.put(Put(key, {"n": 1}))
        assert table.delete(Delete(key))["n"] == 1
        assert table.delete(Delete(key)) is None
        with pytest.raises(ConditionFailed):
            table.delete(Delete(key, EXISTS))

    def test_many_items_are_deleted_also_absent_ones(self, table, partition):
        keys = [Key(partition, f"{number:03}") for number in range(60)]
        for key in keys[:55]:
            table.put(Put(key, {}))
        table.delete_many(keys)
        assert list(read_all(table, Query(partition=partition))) == []

    # Queries

    @pytest.fixture
    def five(self, table, partition):
        for name in ("A#1", "A#2", "A#3", "B#1", "B#2"):
            table.put(Put(Key(partition, name), {"name": name}))
        return partition

    def names(self, table, **query: Any):
        return [item["sk"] for item in read_all(table, Query(**query))]

    def test_a_partition_comes_in_order(self, table, five):
        assert self.names(table, partition=five) == ["A#1", "A#2", "A#3", "B#1", "B#2"]
        assert self.names(table, partition=five, prefix="A#") == ["A#1", "A#2", "A#3"]
        assert self.names(table, partition=five, prefix="A#", newest_first=True) == [
            "A#3",
            "A#2",
            "A#1",
        ]
        assert self.names(table, partition=five, between=("A#2", "B#1")) == ["A#2", "A#3", "B#1"]
        assert self.names(table, partition="TEST#nobody") == []

    @pytest.mark.parametrize("newest_first", [False, True])
    def test_pages_join_without_gaps_or_repeats(self, table, five, newest_first):
        whole = self.names(table, partition=five, newest_first=newest_first)
        pages = self.names(table, partition=five, newest_first=newest_first, limit=2)
        assert pages == whole
        assert len(whole) == 5

    def test_bounds_the_wrong_way_round_find_nothing(self, table, five):
        page = table.query(Query(partition=five, between=("C", "B")))
        assert (page.items, page.next_start) == ([], None)

    def test_a_page_says_where_the_next_one_starts(self, table, five):
        first = table.query(Query(partition=five, limit=3))
        assert len(first.items) == 3
        rest = table.query(Query(partition=five, limit=3, start_after=first.next_start))
        assert [item["sk"] for item in rest.items] == ["B#1", "B#2"]
        assert rest.next_start is None

    # Transactions

    def test_a_transaction_happens_whole(self, table, partition):
        keys = [Key(partition, name) for name in "ABCD"]
        table.put(Put(keys[1], {"n": 1}))
        table.put(Put(keys[2], {}))
        table.put(Put(keys[3], {"ok": True}))
        table.transact(
            [
                Put(keys[0], {"new": True}, ABSENT),
                Update(keys[1], Change(add={"n": 1}), equals("n", 1)),
                Delete(keys[2], EXISTS),
                Check(keys[3], equals("ok", True)),
            ]
        )
        items = {item["sk"]: item for item in read_all(table, Query(partition=partition))}
        assert set(items) == {"A", "B", "D"}
        assert items["B"]["n"] == 2

    def test_a_transaction_that_fails_leaves_nothing_and_says_which_write(self, table, partition):
        first, second, third = (Key(partition, name) for name in "ABC")
        table.put(Put(second, {"n": 1}))
        failing = Update(second, Change(add={"n": 1}), equals("n", 2))
        with pytest.raises(ConditionFailed) as failed:
            table.transact([Put(first, {}), failing, Put(third, {}, EXISTS)])
        assert failed.value.write == failing
        assert failed.value.item["n"] == 1
        assert table.get(first) is None
        assert table.get(second)["n"] == 1

    @pytest.mark.parametrize("count", [99, 100, 101])
    def test_a_transaction_takes_a_hundred_writes_and_no_more(self, table, partition, count):
        puts = [Put(Key(partition, f"{n:03}"), {"n": n}, ABSENT) for n in range(count)]
        if count <= 100:
            table.transact(puts)
        else:
            with pytest.raises((ValueError, AwsError)):
                table.transact(puts)
        assert len(self.names(table, partition=partition)) == (count if count <= 100 else 0)

    def test_a_transaction_writes_each_item_once(self, table, partition):
        key = Key(partition, "A")
        with pytest.raises((ValueError, AwsError)):
            table.transact([Put(key, {"n": 1}), Update(key, Change(add={"n": 1}))])
        assert table.get(key) is None


class RacingTableContract:
    """What holds when many write at once; not for engines that lose writes (moto's)."""

    def race(self, ways, attempt):
        with ThreadPoolExecutor(ways) as pool:
            return list(pool.map(attempt, range(ways)))

    def test_of_many_conditional_updates_each_counts_once(self, table):
        key = Key(f"TEST#{secrets.token_hex(8)}", "A")
        table.put(Put(key, {"n": 0}))

        def attempt(_):
            seen = table.get(key)["n"]
            try:
                table.update(Update(key, Change(add={"n": 1}), equals("n", seen)))
            except ConditionFailed:
                return 0
            return 1

        wins = sum(self.race(16, attempt))
        assert table.get(key)["n"] == wins >= 1

    def test_of_many_transactions_one_wins(self, table):
        partition = f"TEST#{secrets.token_hex(8)}"

        def attempt(number):
            writes = [
                Put(Key(partition, "claim"), {"by": number}, ABSENT),
                Put(Key(partition, f"trace#{number}"), {}),
            ]
            try:
                table.transact(writes)
            except ConditionFailed:
                return None
            return number

        (winner,) = [number for number in self.race(16, attempt) if number is not None]
        assert [item["sk"] for item in read_all(table, Query(partition=partition))] == [
            "claim",
            f"trace#{winner}",
        ]

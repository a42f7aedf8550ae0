"""Rows are chained by the position in each shard of the stream: once, in order, and archived."""

from __future__ import annotations

import base64
import dataclasses
import itertools
import json
import random
import sys
import threading
import tracemalloc
from collections import Counter
from datetime import timedelta

import pytest

from latchkey.domain.audit_chain import START, Block, Entry, ForeignItem, StreamRow, row_digest
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.ids import new_id
from latchkey.domain.limits import AUDIT_BLOCK_MAX_ROWS, AUDIT_CURSOR_SECONDS
from latchkey.events.audit_feeds import NoShard, chain_stream_records
from latchkey.flows.audit_archive import AuditAnchors, AuditArchive
from latchkey.flows.audit_chain import AuditChain
from latchkey.storage import keys
from latchkey.storage.audit_chain import AuditChainStore
from latchkey.storage.audit_vault import newest_segment, segment_name
from latchkey.storage.memory import MemoryTable
from latchkey.storage.table import Put
from tests.support.audit import (
    SHARD,
    MemoryAuditKey,
    MemoryVault,
    audited,
    copy_of,
    stream_event,
    verified,
)
from tests.support.clock import ManualClock
from tools.template import load

KEY = MemoryAuditKey()


class Trail:
    """A table, a bucket and a stream with rows; each `flow` is an environment of Lambda."""

    def __init__(self, *, table=None) -> None:
        self.table = table or MemoryTable()
        self.vault = MemoryVault()
        self.clock = ManualClock()
        self.store = AuditChainStore(self.table)
        self.rows: list[StreamRow] = []

    def flow(self, *, chains=4, store=None, vault=None):
        return AuditChain(
            store=store or self.store,
            signer=KEY,
            verifier=KEY,
            vault=vault or self.vault,
            chains=chains,
            default_shard="",
        )

    def write(self, count, *, ttl_days=None):
        """Write rows into the table, and records of them into the stream. Returns these."""
        new = []
        for _ in range(count):
            number = len(self.rows) + len(new) + 1
            key = keys.Key(f"SUBJECT#sub_{number % 7}", f"aud_{number:026}", "audit")
            row = {"at": to_milliseconds(self.clock.now()), "action": "a", "outcome": "OK"}
            if ttl_days is not None:
                row["ttl"] = int((self.clock.now() + timedelta(days=ttl_days)).timestamp())
            self.table.put(Put(key, row))
            new.append(StreamRow(1000 + number, {"pk": key.pk, "sk": key.sk, **row}))
        self.rows += new
        return new

    def append(self, flow, rows, shard=SHARD):
        return flow.append(shard, rows, self.clock.now())

    def blocks(self, chain=None):
        chains = range(64) if chain is None else (chain,)
        return [block for number in chains for block in self.store.after(number, 0)]

    def chained(self):
        return [entry.row_id for block in self.blocks() for entry in block.entries]

    def report(self):
        return audited(self.table, self.vault, KEY)

    def check(self, *, rows=None):
        """Each row is in a block once, in order, and in the bucket, and everything verifies."""
        wanted = [row.row["sk"] for row in (self.rows if rows is None else rows)]
        assert self.chained() == wanted
        assert {line["row"]["sk"] for line in self.archived_rows()} >= set(wanted)
        report = self.report()
        assert (report.findings, report.rows, report.waiting) == ([], len(wanted), 0)

    def archived_rows(self):
        return [line for line in self.vault.archived_lines if "row" in line]


@pytest.fixture
def trail():
    return Trail()


# Deliveries --------------------------------------------------------------------------------------


def test_repeated_and_recut_batches_are_chained_once_in_order(trail):
    """First deliveries of a shard are in order. Later ones may come at any time and any size."""
    chance = random.Random(7)
    trail.write(300)
    done = 0
    flow = trail.flow()
    while done < 300:
        start = chance.randrange(done + 1)
        end = start + chance.randrange(1, 40)
        if chance.random() < 0.3:
            flow = trail.flow()  # a new environment
        trail.append(flow, trail.rows[start:end])
        done = max(done, min(end, 300))
        trail.clock.advance(seconds=chance.randrange(90))
    trail.check()


def test_records_of_a_batch_in_another_order_are_chained_in_order(trail):
    rows = trail.write(30)
    trail.append(trail.flow(), random.Random(1).sample(rows, 30))
    trail.check()


def test_parallel_chainers_chain_each_row_once(trail):
    trail.write(400)
    done, lock = [0], threading.Lock()

    def work(seed):
        chance, flow = random.Random(seed), trail.flow()
        while done[0] < 400:
            with lock:
                start = chance.randrange(max(0, done[0] - 30), done[0] + 1)
            end = start + chance.randrange(1, 25)
            trail.append(flow, trail.rows[start:end])
            with lock:
                done[0] = max(done[0], min(end, 400))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    trail.check()


def test_environment_with_an_old_block_in_memory_reads_again(trail):
    one, other = trail.flow(), trail.flow()
    trail.write(100)
    for start in range(0, 100, 10):
        trail.append(one, trail.rows[start : start + 10])
        trail.append(other, trail.rows[start : start + 10])  # repeated elsewhere
        one, other = other, one
    trail.check()
    assert len(trail.blocks()) == 10


def test_several_shards_feed_one_chain(trail):
    chance = random.Random(3)
    trail.write(300)
    shards = {f"shardId-{n}": trail.rows[n::5] for n in range(5)}
    reached = dict.fromkeys(shards, 0)
    flows = [trail.flow(chains=1) for _ in range(3)]
    while any(reached[shard] < len(rows) for shard, rows in shards.items()):
        shard = chance.choice(list(shards))
        start = max(0, reached[shard] - chance.randrange(10))
        end = reached[shard] + chance.randrange(20)
        trail.append(chance.choice(flows), shards[shard][start:end], shard)
        reached[shard] = end
    assert sorted(trail.chained()) == [row.row["sk"] for row in trail.rows]
    assert {block.chain for block in trail.blocks()} == {0}
    assert len(trail.blocks()[-1].cursors) == 5
    assert trail.report().findings == []


def test_the_last_event_of_a_window_has_no_records(trail):
    event = {"shardId": SHARD, "state": {}, "isFinalInvokeForWindow": True}
    counts = chain_stream_records(event, trail.flow(), trail.clock.now())
    assert counts == {"chained": 0, "repeated": 0, "touched": 0}
    assert trail.blocks() == []


def test_an_event_without_its_shard_is_refused(trail):
    rows = [row.row for row in trail.write(3)]
    event = {k: v for k, v in stream_event(rows).items() if k != "shardId"}
    with pytest.raises(NoShard):
        chain_stream_records(event, trail.flow(), trail.clock.now())
    assert trail.blocks() == []
    local = dataclasses.replace(trail.flow(), default_shard="local")
    assert chain_stream_records(event, local, trail.clock.now())["chained"] == 3


def test_template_makes_lambda_send_the_shard_and_only_the_emulator_has_a_default():
    function = load()["Resources"]["ChainAuditFunction"]["Properties"]
    mapping = function["Events"]["Rows"]["Properties"]
    assert 0 < mapping["TumblingWindowInSeconds"] <= 900
    assert mapping.get("ParallelizationFactor", 1) == 1
    assert mapping["MaximumRetryAttempts"] == -1  # no batch is given up
    assert "DestinationConfig" not in mapping
    assert "MaximumRecordAgeInSeconds" not in mapping
    variables = function["Environment"]["Variables"]
    assert variables["AUDIT_DEFAULT_SHARD"] == {"Fn::If": ["IsOnAws", "", "local"]}


# Interrupted batches -----------------------------------------------------------------------------


class Killed(Exception):
    """The process ends here."""


class Interrupted:
    """An object of which a call kills the process, before it or after it."""

    def __init__(self, target, calls, kill_at) -> None:
        self._target, self._calls, self._kill_at = target, calls, kill_at

    def __getattr__(self, name) -> object:
        method = getattr(self._target, name)

        def call(*arguments):
            self._calls.append(name)
            if 2 * len(self._calls) - 1 == self._kill_at:
                raise Killed
            answer = method(*arguments)
            if 2 * len(self._calls) == self._kill_at:
                raise Killed
            return answer

        return call


@pytest.mark.parametrize("warm", [False, True])
def test_a_batch_killed_at_any_call_is_completed_once(warm, monkeypatch):
    monkeypatch.setattr("latchkey.flows.audit_chain.AUDIT_BLOCK_MAX_ROWS", 20)
    for kill_at in itertools.count(1):
        trail = Trail()
        rows = trail.write(50)
        calls: list[str] = []
        store = Interrupted(trail.store, calls, kill_at)
        killed = trail.flow(store=store, vault=Interrupted(trail.vault, calls, kill_at))
        try:
            trail.append(killed, rows)
        except Killed:
            in_blocks, in_bucket = trail.chained(), trail.archived_rows()
            assert set(in_blocks) <= {line["row"]["sk"] for line in in_bucket}
        else:
            break
        again = killed if warm else trail.flow()
        if warm:
            store._kill_at = again.vault._kill_at = 0
        # Lambda may deliver less of it at once.
        trail.append(again, rows[:35])
        trail.append(again, rows)
        trail.check()
    assert calls == ["assign", "newest", "put_rows", "newest", "put", "put", "put"]
    assert kill_at == 2 * len(calls) + 1


class Between:
    """An object before one call of which something else happens."""

    def __init__(self, target, calls, at, happens) -> None:
        self._target, self._calls, self._at, self._happens = target, calls, at, happens

    def __getattr__(self, name) -> object:
        method = getattr(self._target, name)

        def call(*arguments):
            self._calls.append(name)
            if len(self._calls) == self._at:
                self._happens()
            return method(*arguments)

        return call


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("parts", [(50,), (13, 50), (30,), (20, 40, 50, 60)])
def test_another_process_between_two_calls_changes_nothing(warm, parts, monkeypatch):
    """The other one has the same batch, a part of it, or this batch and the next one."""
    monkeypatch.setattr("latchkey.flows.audit_chain.AUDIT_BLOCK_MAX_ROWS", 20)
    for at in itertools.count(1):
        trail = Trail()
        first, rows = trail.write(5), trail.write(60)
        trail.append(trail.flow(), first)
        other, calls = trail.flow(), []

        def happens(trail=trail, other=other, rows=rows):
            for start, end in itertools.pairwise((0, *parts)):
                trail.append(other, rows[start:end])

        store = Between(trail.store, calls, at, happens)
        one = trail.flow(store=store, vault=Between(trail.vault, calls, at, happens))
        if warm:
            trail.append(other, first)
        trail.append(one, rows[:50])
        if len(calls) < at:
            break
        trail.append(one, rows)
        trail.check()
    assert at > 6


def test_children_of_a_split_shard_continue_after_it(trail):
    """Lambda delivers a shard's children after it, and may repeat its last batch even then."""
    rows, flow = trail.write(90), trail.flow(chains=64)
    parent, children = rows[:30], (rows[30::2], rows[31::2])
    trail.append(flow, parent, "shardId-parent")
    for start in range(0, 30, 10):
        for number, child in enumerate(children):
            trail.append(
                trail.flow(chains=64), child[start : start + 10], f"shardId-child-{number}"
            )
        trail.append(trail.flow(chains=64), parent[-10:], "shardId-parent")
    assert sorted(trail.chained()) == [row.row["sk"] for row in rows]
    assert len({block.chain for block in trail.blocks()}) > 1
    report = trail.report()
    assert (report.findings, report.rows) == ([], 90)


class Down:
    """A vault whose bucket does not respond."""

    def put_rows(self, *_):
        raise TemporarilyUnavailable(retry_after_seconds=1, reason="S3")


def test_no_row_is_chained_while_the_bucket_is_down(trail):
    rows = trail.write(20)
    with pytest.raises(TemporarilyUnavailable):
        trail.append(trail.flow(vault=Down()), rows)
    assert trail.blocks() == []
    trail.append(trail.flow(), rows)
    trail.check()


# Chains and shards -------------------------------------------------------------------------------


def test_more_or_fewer_chains_apply_to_new_shards_only(trail):
    done = 0
    for round_, chains in enumerate((4, 64, 1, 8)):
        for shard in range(6 * (round_ + 1)):  # those of the rounds before, and six new ones
            trail.append(trail.flow(chains=chains), trail.write(5), f"shardId-{shard}")
            done += 5
    assert sorted(trail.chained()) == [row.row["sk"] for row in trail.rows]
    report = trail.report()
    assert (report.findings, report.rows) == ([], done)
    chain_of = {item["sk"]: item["chain"] for item in items(trail, "CHAINS")}
    assert len(chain_of) == 24
    assert max(chain_of.values()) > 4
    # Every block of a shard is in its chain.
    for block in trail.blocks():
        newest = max(block.cursors, key=lambda cursor: cursor.sequence)
        assert block.chain == chain_of[newest.shard]
    anchor, foreign = anchors(trail).anchor(trail.clock.now())
    assert foreign == []
    assert {head.chain for head in anchor.heads} == set(chain_of.values())
    trail.clock.advance(hours=2)
    assert archive(trail).archive(trail.clock.now(), lambda: 900).rows == done


def items(trail, partition):
    return [item for item in trail.table.all_items() if item["pk"] == partition]


def anchors(trail):
    return AuditAnchors(store=trail.store, signer=KEY, verifier=KEY, vault=trail.vault)


def archive(trail):
    return AuditArchive(store=trail.store, verifier=KEY, vault=trail.vault)


def test_two_first_batches_with_different_numbers_of_chains_agree(trail):
    rows = trail.write(20)
    flows = [trail.flow(chains=chains) for chains in (1, 2, 64, 7) * 2]
    barrier = threading.Barrier(len(flows))

    def work(flow):
        barrier.wait()
        trail.append(flow, rows)

    threads = [threading.Thread(target=work, args=(flow,)) for flow in flows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    trail.check()
    assert len({block.chain for block in trail.blocks()}) == 1


class Stale:
    """A table that answers the first read of an item before another process has written it."""

    def __init__(self, table) -> None:
        self._table, self._read = table, False

    def __getattr__(self, name) -> object:
        return getattr(self._table, name)

    def get(self, key):
        read, self._read = self._read, True
        return self._table.get(key) if read else None


def test_the_first_assignment_of_a_shard_is_kept(trail):
    now = trail.clock.now()
    assert trail.store.assign(SHARD, 3, now) == 3
    assert trail.store.assign(SHARD, 5, now) == 3
    assert AuditChainStore(Stale(trail.table)).assign(SHARD, 5, now) == 3


@pytest.mark.parametrize("chain", [-1, 64, "0", None, 1.5])
def test_a_forged_chain_of_a_shard_stops_the_shard(trail, chain):
    trail.table.put(Put(keys.audit_shard(SHARD), {"chain": chain}))
    with pytest.raises(ForeignItem):
        trail.append(trail.flow(), trail.write(1))
    assert trail.blocks() == []


def test_positions_in_closed_shards_are_forgotten(trail):
    """DynamoDB closes a shard after four hours or so."""
    sizes = []
    for hour in range(0, 5 * 24, 4):
        for shard in range(3):
            trail.append(trail.flow(chains=1), trail.write(1), f"shardId-{hour:05}-{shard}")
        sizes.append(len(trail.blocks(0)[-1].cursors))
        trail.clock.advance(hours=4)
    kept = AUDIT_CURSOR_SECONDS // (4 * 3600)
    assert max(sizes) == sizes[-1] == 3 * (kept + 1)
    assert trail.report().findings == []


def test_a_clock_that_steps_back_changes_nothing(trail):
    for step in (0, -3600, 30, -7200, 9000):
        trail.clock.advance(seconds=step)
        trail.append(trail.flow(), trail.write(3))
    times = [block.at for block in trail.blocks()]
    assert times == sorted(times)
    assert trail.chained() == [row.row["sk"] for row in trail.rows]
    assert {f.kind for f in trail.report().findings} <= {"misdated"}


# Items of somebody else in a chain ---------------------------------------------------------------


def next_block(trail, **changes):
    newest = trail.blocks()[-1]
    block = Block(
        chain=newest.chain,
        number=newest.number + 1,
        first=newest.last + 1,
        previous=newest.head,
        at=newest.at,
        entries=(Entry("SUBJECT#x", "aud_x", bytes(32)),),
        cursors=tuple(dataclasses.replace(c, sequence=10**39) for c in newest.cursors),
        signature=newest.signature,
    )
    return dataclasses.replace(block, **changes)


def foreign_items(trail):
    newest, block = trail.blocks()[-1], next_block(trail)
    key = keys.audit_block(block.chain, block.number)
    document = block.document()
    unsigned = {name: value for name, value in document.items() if name != "signature"}
    return [
        Put(key, {}),
        Put(key, document),  # it claims that everything is chained
        Put(key, unsigned),
        Put(key, {**document, "entries": 7}),
        Put(key, {**document, "entries": [["a", "b", "c"]]}),
        Put(key, {**document, "cursors": [["a"]]}),
        Put(key, {**document, "cursors": None}),
        Put(key, {**document, "previous": 10**12}),
        Put(key, {**document, "kid": "audit-of-mine"}),
        Put(dataclasses.replace(key, sk="zzz"), document),
        Put(keys.audit_block(block.chain, 10**12 - 1), document),
        # A signed block again, under a key that sorts last and is read as the same number.
        Put(dataclasses.replace(key, sk="1"), newest.document()),
        Put(dataclasses.replace(key, sk="\N{ARABIC-INDIC DIGIT ONE}"), newest.document()),
    ]


@pytest.mark.parametrize("number", range(13))
@pytest.mark.parametrize("warm", [False, True])
def test_a_foreign_item_stops_its_chain_and_nothing_is_lost(trail, number, warm, capsys):
    flow = trail.flow()
    trail.append(flow, trail.write(5))
    other = next(
        f"shardId-{n}"
        for n in range(99)
        if flow._chain_of(f"shardId-{n}", trail.clock.now())
        != flow._chain_of(SHARD, trail.clock.now())
    )
    foreign = foreign_items(trail)[number]
    trail.table.put(foreign)
    waiting = trail.write(5)
    event = stream_event([row.row for row in waiting], first=waiting[0].sequence)
    chainer = flow if warm else trail.flow()
    taken = foreign.key == keys.audit_block(trail_chain(trail), 2)
    if warm and not taken:
        # It continues from its memory; the next environment stops.
        chain_stream_records(event, chainer, trail.clock.now())
        waiting = trail.write(5)
        event = stream_event([row.row for row in waiting], first=waiting[0].sequence)
        chainer = trail.flow()
    with pytest.raises(ForeignItem):
        chain_stream_records(event, chainer, trail.clock.now())
    assert '"AuditFindings":[1.0]' in capsys.readouterr().out

    # Other chains continue, and are anchored and archived.
    third = trail.write(3)
    trail.append(trail.flow(), third, other)
    anchor, reported = anchors(trail).anchor(trail.clock.now())
    assert [item.partition for item in reported] == [foreign.key.pk]
    assert [head.chain for head in anchor.heads] == [flow._chain_of(other, trail.clock.now())]
    trail.clock.advance(hours=2)
    archived = archive(trail).archive(trail.clock.now(), lambda: 900)
    assert [item.partition for item in archived.foreign] == [foreign.key.pk]
    assert archived.rows >= 3

    # An operator removes it, and the stream has everything still.
    del trail.table._items[foreign.key]
    chain_stream_records(event, chainer, trail.clock.now())
    assert sorted(trail.chained()) == sorted(row.row["sk"] for row in trail.rows)
    assert trail.report().findings == []
    archived = archive(trail).archive(trail.clock.now() + timedelta(hours=2), lambda: 900)
    assert archived.foreign == []


def trail_chain(trail):
    return int(items(trail, "CHAINS")[0]["chain"])


# Upgrades ----------------------------------------------------------------------------------------


def old_block(trail, chain, rows):
    """Write a block of the first format, as an earlier release did."""
    blocks = trail.blocks(chain)
    newest = blocks[-1] if blocks else None
    block = Block(
        chain=chain,
        number=newest.number + 1 if newest else 1,
        first=newest.last + 1 if newest else 1,
        previous=newest.head if newest else START,
        at=to_milliseconds(trail.clock.now()),
        entries=tuple(Entry(r.row["pk"], r.row["sk"], row_digest(r.row)) for r in rows),
    )
    signed = dataclasses.replace(block, signature=KEY.sign(block.statement()))
    assert trail.store.put(signed)


def test_batch_that_is_delivered_again_after_an_upgrade_is_no_finding(trail):
    rows = trail.write(40)
    for chain in range(4):
        old_block(trail, chain, rows[chain::4])
        trail.clock.advance(seconds=5)
    again = rows[30:] + trail.write(10)
    trail.append(trail.flow(), again)
    trail.append(trail.flow(), again)
    assert trail.report().findings == []
    assert max(Counter(trail.chained()).values()) == 2
    trail.append(trail.flow(), trail.write(10))
    assert trail.report().findings == []


def test_a_rollback_and_a_second_upgrade_are_no_finding(trail):
    trail.append(trail.flow(), trail.write(10))
    chain = trail_chain(trail)
    old_block(trail, chain, trail.write(10))
    trail.append(trail.flow(), trail.write(10))
    assert trail.chained() == [row.row["sk"] for row in trail.rows]
    assert trail.report().findings == []


def test_only_one_repetition_around_an_upgrade_is_allowed(trail):
    rows = trail.write(4)
    old_block(trail, 0, rows)
    old_block(trail, 1, rows[:1])
    assert [f.kind for f in trail.report().findings] == ["repeated"]
    trail.append(trail.flow(), rows)
    found = trail.report().findings
    assert {f.kind for f in found} == {"repeated"}
    assert len(found) == 1


def test_a_repetition_long_after_an_upgrade_is_a_finding(trail):
    rows = trail.write(4)
    old_block(trail, 0, rows)
    trail.clock.advance(hours=25)
    trail.append(trail.flow(), rows)
    assert {f.kind for f in trail.report().findings} == {"repeated"}


# Backlogs ----------------------------------------------------------------------------------------


class Counted:
    """Counts the requests of a store and a vault."""

    def __init__(self, target, counts) -> None:
        self._target, self._counts = target, counts

    def __getattr__(self, name) -> object:
        self._counts[name] += 1
        return getattr(self._target, name)


def calls_per_row(trail, rows, batch):
    """Chain rows in batches. Returns Python calls per row after the first batch, and requests."""
    counts: Counter[str] = Counter()
    flow = trail.flow(store=Counted(trail.store, counts), vault=Counted(trail.vault, counts))
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event in {"call", "c_call"}

    trail.append(flow, rows[:batch])  # reads the newest block, as a cold start does
    sys.setprofile(count)
    try:
        for part in itertools.batched(rows[batch:], batch, strict=False):
            trail.append(flow, part)
    finally:
        sys.setprofile(None)
    return calls / len(rows[batch:]), counts


def test_the_cost_of_a_backlog_is_linear(trail):
    """The rows of a day are as expensive, each, as those of a minute; history is never read."""
    costs = []
    trail.append(trail.flow(), trail.write(1_000))
    for count in (2_000, 3_000, 7_000):
        rows = trail.write(count)
        cost, requests = calls_per_row(trail, rows, 1_000)
        costs.append(cost)
        assert (requests["newest"], requests["assign"]) == (1, 1)
        assert requests["put"] == count / AUDIT_BLOCK_MAX_ROWS
        assert requests["put_rows"] == count / 1_000
        assert "after" not in requests
    assert max(costs) < 1.01 * min(costs)
    trail.check()


def test_the_largest_batch_fits_into_memory(trail):
    """10,000 rows of 600 bytes: 6 MB, more than Lambda delivers at once with its envelope."""
    filler = {"filler": "x" * 400}
    rows = [StreamRow(row.sequence, row.row | filler) for row in trail.write(10_000)]
    flow = trail.flow()
    tracemalloc.start()
    try:
        trail.append(flow, rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100e6
    assert len(trail.chained()) == 10_000


def test_rows_of_any_size_fit_into_a_batch(trail):
    """Fifteen rows of the maximum of an item are 6 MB."""
    rows = [StreamRow(r.sequence, r.row | {"x": "y" * 390_000}) for r in trail.write(15)]
    trail.append(trail.flow(), rows)
    assert len(trail.chained()) == 15


# The archive -------------------------------------------------------------------------------------


def expire(trail):
    """DynamoDB removes rows after their time."""
    now = trail.clock.now().timestamp()
    gone = [i for i in trail.table.all_items() if "ttl" in i and i["ttl"] <= now]
    for item in gone:
        del trail.table._items[keys.Key(item["pk"], item["sk"], "audit")]
    return [item for item in gone if item["pk"] != "CHAINS"]


def test_no_row_expires_that_is_not_in_the_bucket(trail):
    """Twelve days: the bucket is down for 20 hours, and the archive fails for nine days."""
    chance, flow, delivered = random.Random(11), trail.flow(), 0
    expired = []
    for hour in range(12 * 24):
        trail.write(chance.randrange(1, 6), ttl_days=7)
        bucket_is_down = 30 <= hour < 50
        vault = Down() if bucket_is_down else trail.vault
        flow = trail.flow(vault=vault)
        while delivered < len(trail.rows):
            batch = trail.rows[delivered : delivered + 50]
            try:
                trail.append(flow, batch)
            except TemporarilyUnavailable:
                break  # the stream keeps it for a day
            delivered += len(batch)
        assert (delivered == len(trail.rows)) != bucket_is_down
        if hour > 9 * 24:
            archive(trail).archive(trail.clock.now(), lambda: 900)
        expired += [row["sk"] for row in expire(trail)]
        in_bucket = trail.archived_rows() if hour % 24 == 23 else None
        if in_bucket is not None:
            names = {line["row"]["sk"] for line in in_bucket}
            assert set(trail.chained()) <= names
            assert set(expired) <= names
        trail.clock.advance(hours=1)
    assert len(expired) > 300
    trail.clock.advance(hours=2)
    archived = archive(trail).archive(trail.clock.now(), lambda: 900)
    assert (archived.changed, archived.waiting_since) == ([], None)
    # The bucket alone has everything.
    report = verified(trail.vault.archived_lines, trail.vault.anchors, KEY.jwks)
    assert (report.findings, report.rows) == ([], len(trail.rows))


def test_the_archive_continues_where_its_time_was_up(trail, monkeypatch):
    monkeypatch.setattr("latchkey.flows.audit_archive.AUDIT_ARCHIVE_SEGMENT_ROWS", 20)
    flow = trail.flow(chains=64)
    for _ in range(20):
        for shard in range(3):
            trail.append(flow, trail.write(10), f"shardId-{shard}")
    oldest = trail.blocks()[0].at
    trail.clock.advance(hours=2)
    rows = runs = 0
    while True:
        runs += 1
        left = iter([900] * 5)
        result = archive(trail).archive(trail.clock.now(), lambda left=left: next(left, 10))
        rows += result.rows
        if result.waiting_since is None:
            break
        assert result.waiting_since == oldest
        assert result.rows <= 5 * 20
    assert (rows, runs > 5) == (600, True)
    names = [n for n in trail.vault.objects if n.startswith("archive/")]
    assert len(names) == 30
    # The chains take turns: after the first run, more than one has begun.
    assert len({name.split("/")[1] for name in names[:4]}) > 1
    report = verified(trail.vault.archived_lines, [], KEY.jwks)
    assert (report.findings, report.rows) == ([], 600)


def test_a_sample_of_many_rows_is_compared_with_their_blocks(trail):
    trail.append(trail.flow(), trail.write(1_000))
    for row in trail.rows[::2]:
        trail.table._items[keys.Key(row.row["pk"], row.row["sk"], "audit")]["outcome"] = "NO"
    trail.clock.advance(hours=2)
    flow = dataclasses.replace(archive(trail), compared_rows=200)
    result = flow.archive(trail.clock.now(), lambda: 900)
    assert result.rows == 1_000
    assert 50 < len(result.changed) < 150  # 100 are expected
    assert set(result.changed) <= {row.row["sk"] for row in trail.rows[::2]}


@pytest.mark.parametrize(
    ("row_id", "days", "changed"),
    [
        ("new", 0, True),  # a row stays for seven days at least
        ("new", 6, True),
        ("new", 8, False),
        ("req_not an id", 8, True),
    ],
)
def test_a_missing_row_is_reported_unless_it_may_have_expired(trail, row_id, days, changed):
    name = new_id("req", trail.clock.now()) if row_id == "new" else row_id
    row = {"pk": "SUBJECT#x", "sk": name, "at": to_milliseconds(trail.clock.now())}
    trail.append(trail.flow(), [StreamRow(1, row)])
    trail.clock.advance(days=days, hours=2)
    result = archive(trail).archive(trail.clock.now(), lambda: 900)
    assert result.changed == ([name] if changed else [])


def test_a_run_without_time_reports_what_waits_and_changes_nothing(trail):
    trail.append(trail.flow(), trail.write(5))
    (block,) = trail.blocks()
    result = archive(trail).archive(trail.clock.now(), lambda: 0)
    assert (result.rows, result.waiting_since) == (0, None)  # it is not an hour old
    trail.clock.advance(hours=2)
    result = archive(trail).archive(trail.clock.now(), lambda: 0)
    assert (result.rows, result.waiting_since, result.foreign) == (0, block.at, [])
    trail.table.put(Put(keys.audit_block(block.chain, 2), {}))
    result = archive(trail).archive(trail.clock.now(), lambda: 0)
    assert (result.waiting_since, result.foreign) == (None, [])
    assert not [name for name in trail.vault.objects if name.startswith("archive/")]


def test_an_old_archive_that_waits_starts_the_alarm(trail):
    from functions.archive_audit import app  # noqa: PLC0415 - a module of a function

    class Late:
        def archive(self, *_):
            return dataclasses.replace(result, waiting_since=waiting)

    trail.append(trail.flow(), trail.write(1))
    result = archive(trail).archive(trail.clock.now(), lambda: 900)
    handler = app.handler.__wrapped__
    waiting = to_milliseconds(trail.clock.now() - timedelta(hours=5))
    assert handler({}, Late(), trail.clock, lambda: 900)["wrong"] == []
    waiting = to_milliseconds(trail.clock.now() - timedelta(hours=7))
    with pytest.raises(app.ArchiveIncomplete):
        handler({}, Late(), trail.clock, lambda: 900)


def test_only_the_newest_segments_are_listed():
    asked = []
    names = [segment_name(0, n, n + 9) for n in range(1, 200_000, 10)]

    def names_after(name):
        asked.append(name)
        return [other for other in names if other > name]

    assert newest_segment(names_after, 0, 200_004) == 200_000
    assert len(asked) == 1
    assert newest_segment(names_after, 0, 205_000) == 200_000  # an outage: 5,000 blocks
    assert len(asked) == 3
    foreign = segment_name(0, 199_990, 10**11)
    names.append(foreign)
    assert newest_segment(names_after, 0, 200_004) == 200_000


# What the verifier finds -------------------------------------------------------------------------


def lines_of(trail):
    return [*copy_of(trail.table), *trail.vault.archived_lines]


def kinds(lines):
    return sorted(finding.kind for finding in verified(lines, [], KEY.jwks).findings)


def test_a_row_that_the_chainer_skipped_is_found(trail):
    rows = trail.write(10)
    trail.append(trail.flow(), rows[:4])
    lost = rows[4]
    trail.append(trail.flow(), rows[5:])
    lines = [*lines_of(trail), line_of(lost)]
    report = verified(lines, [], KEY.jwks)
    assert [f.line() for f in report.findings] == [
        f"inserted: {lost.row['sk']}: a row of a that no block has"
    ]


def line_of(row, shard=SHARD):
    return {"row": row.row, "sequence": str(row.sequence), "shard": shard}


def test_an_archived_row_of_the_future_does_not_wait(trail):
    trail.append(trail.flow(), trail.write(1))
    for name in ({}, {"operation": "get_me"}):
        row = {"at": to_milliseconds(trail.clock.now()) + 10**13, "action": "a", **name}
        forged = StreamRow(10**6, {"pk": "SUBJECT#x", "sk": "aud_x", **row})
        report = verified([*lines_of(trail), line_of(forged)], [], KEY.jwks)
        assert ([f.kind for f in report.findings], report.waiting) == (["inserted"], 0)


def test_an_archived_row_may_wait_for_its_block_for_two_days(trail):
    trail.append(trail.flow(), trail.write(5))
    waiting = trail.write(1)
    report = verified([*lines_of(trail), line_of(waiting[0])], [], KEY.jwks)
    assert (report.findings, report.waiting) == ([], 1)
    assert "1 rows wait for their block" in report.summary()
    trail.clock.advance(hours=49)
    trail.append(trail.flow(), trail.write(1), "shardId-other")
    report = verified([*lines_of(trail), line_of(waiting[0])], [], KEY.jwks)
    assert [f.kind for f in report.findings] == ["inserted"]


def test_a_row_changed_in_the_table_only_is_found(trail):
    rows = trail.write(5)
    trail.append(trail.flow(), rows)
    edited = rows[2].row["sk"]
    trail.table._items[keys.Key(rows[2].row["pk"], edited, "audit")]["outcome"] = "NO"
    (finding,) = trail.report().findings
    assert finding.line().startswith(f"changed: {edited} (chain ")


@pytest.mark.parametrize("name", ["sealed", "columns"])
def test_bytes_replaced_by_a_map_that_looks_like_them_are_found(trail, name):
    """JSON has no bytes, so a row of the archive has a map with one name, which a row may have."""
    key = keys.Key("SUBJECT#x", "aud_x", "audit")
    value = b"sealed" if name == "sealed" else [b"sealed"]
    row = {"at": to_milliseconds(trail.clock.now()), "action": "a", name: value}
    trail.table.put(Put(key, row))
    trail.append(trail.flow(), [StreamRow(1, {"pk": key.pk, "sk": key.sk, **row})])
    assert trail.report().findings == []
    forged = {"$bytes": base64.b64encode(b"sealed").decode()}
    trail.table._items[key][name] = forged if name == "sealed" else [forged]
    assert [f.kind for f in trail.report().findings] == ["changed"]
    trail.clock.advance(hours=2)
    assert archive(trail).archive(trail.clock.now(), lambda: 900).changed == ["aud_x"]


def test_a_row_with_a_map_that_looks_like_bytes_is_chained(trail):
    key = keys.Key("SUBJECT#x", "aud_x", "audit")
    row = {"at": to_milliseconds(trail.clock.now()), "a": {"$$bytes": [{"$bytes": 1}]}}
    trail.table.put(Put(key, row))
    trail.append(trail.flow(), [StreamRow(1, {"pk": key.pk, "sk": key.sk, **row})])
    assert trail.report().findings == []
    trail.clock.advance(hours=2)
    assert archive(trail).archive(trail.clock.now(), lambda: 900).changed == []


def test_a_row_removed_from_the_table_only_is_found_before_it_expires(trail):
    (row,) = trail.write(1, ttl_days=7)
    trail.append(trail.flow(), [row])
    key = {"pk": row.row["pk"], "sk": row.row["sk"]}
    blocks = [line for line in lines_of(trail) if "block" in line]
    archived = [*blocks, line_of(row)]
    expires = row.row["ttl"] * 1000
    assert kinds([*archived, {"absent": {**key, "at": expires - 1}}]) == ["removed"]
    assert kinds([*archived, {"absent": {**key, "at": expires}}]) == []


def test_a_wrong_place_of_an_archived_row_is_found(trail):
    rows = trail.write(20)
    trail.append(trail.flow(), rows[:10])
    trail.append(trail.flow(), rows[10:])
    blocks = [line for line in lines_of(trail) if "block" in line]
    places = [line_of(row) for row in rows]
    assert kinds([*blocks, *places]) == []
    for change in ({"sequence": "1015"}, {"sequence": "9999"}, {"shard": "shardId-other"}):
        edited = [*places[:3], places[3] | change, *places[4:]]
        assert kinds([*blocks, *edited]) == ["contradiction"], change
    for odd in ("-1", "1.5", "٣", "", "9" * 41, 7, None):
        edited = [*places[:3], places[3] | {"sequence": odd}, *places[4:]]
        assert kinds([*blocks, *edited]) == ["removed", "unreadable"], odd


def resigned(trail, number, cursors):
    """Sign a block with other cursors, as only a faulty chainer could."""
    found = []
    for block in trail.blocks():
        if block.number == number:
            changed = dataclasses.replace(block, cursors=tuple(cursors(block)))
            block = dataclasses.replace(changed, signature=KEY.sign(changed.statement()))  # noqa: PLW2901
        found.append(block)
    rows = [line for line in copy_of(trail.table) if "row" in line]
    return verified([*({"block": line(block)} for block in found), *rows], [], KEY.jwks)


def line(block):
    return json.loads(block.line())["block"]


@pytest.mark.parametrize(
    ("cursors", "kind"),
    [
        (lambda b: [dataclasses.replace(b.cursors[0], sequence=1)], "repeated"),
        (lambda b: [dataclasses.replace(b.cursors[0], sequence=1010)], "broken"),
        (lambda b: [*b.cursors, dataclasses.replace(b.cursors[0], shard="shardId-z")], "broken"),
        (lambda b: [dataclasses.replace(b.cursors[0], shard="shardId-z")], "broken"),
        (lambda _: [], "broken"),
    ],
)
def test_impossible_positions_are_found(trail, cursors, kind):
    flow = trail.flow()
    for _ in range(3):
        trail.append(flow, trail.write(10))
    report = resigned(trail, 2, cursors)
    assert report.findings[0].kind == kind
    assert "block 2 of" in report.findings[0].where
    assert audited(trail.table, trail.vault, KEY).findings == []

"""The computed ceilings and the simulation of docs/scale.md."""

from __future__ import annotations

import inspect
import re

import pytest

from benchmarks import scale, scale_simulation
from benchmarks.scale_simulation import PARTS, Scenario, Simulation, Traffic
from latchkey.storage import keys
from latchkey.storage.table import Key, Put


@pytest.fixture(scope="module")
def measured():
    return scale.measure(rounds=6)


def test_every_key_of_the_events_is_in_the_table(measured):
    # Raises ValueError for another key.
    found = scale.loads(measured)
    assert {load.partition for load in found} == set(scale.PARTITIONS)
    written = {load.partition.name for load in found if any(u.writes for u in load.units.values())}
    unused = {p.name for p in scale.PARTITIONS} - written
    assert unused == {p.name for p in scale.PARTITIONS if p.note != "-"}


def test_a_new_key_is_an_error():
    with pytest.raises(ValueError, match="PARTITIONS lacks BILLS#1"):
        scale.partition_of("main", "BILLS#1")


def test_every_documented_key_is_in_the_table():
    names = re.compile(r"\b[A-Z_]{3,}(?:#[A-Z]+)?")
    rows = [line for line in inspect.getdoc(keys).splitlines() if re.search(r" {2,}", line)]
    documented = {found[0] for line in rows if (found := names.search(line)) is not None}
    assert documented == {names.match(p.name)[0] for p in scale.PARTITIONS}


def test_no_shared_key_is_full_at_the_goal(measured):
    used = {load.partition.name: load.utilization() for load in scale.loads(measured)}
    shared = {p.name for p in scale.PARTITIONS if p.of == scale.EVERYBODY}
    assert {name: used[name] for name in shared if used[name] >= 0.9} == {}


@pytest.mark.slow
def test_the_page_is_up_to_date():
    assert scale.main(["--check"]) == 0


# The simulation -----------------------------------------------------------------------------------


LITTLE = Traffic(reads=160, refusals=8, changes=72, anonymous=8)
"""A thirtieth of the mix."""


def test_a_shard_keeps_up():
    simulation = Simulation(Scenario("a minute", LITTLE), seconds=60)
    result = simulation.run()
    assert result.rows * PARTS > 60 * LITTLE.changes
    assert result.delay <= simulation.shard.window + simulation.chainer.slowest + 1


def test_an_outage_is_caught_up():
    scenario = Scenario("an outage", LITTLE, outage=(0.1, 0.8))
    simulation = Simulation(scenario, seconds=100)
    result = simulation.run()
    assert not simulation.shard.waiting
    assert result.delay >= 70
    assert result.recovery is not None
    assert result.recovery <= 30


def test_partitions_limit_the_simulated_table():
    table = scale_simulation.LimitedTable()
    for number in range(1000):
        table.put(Put(Key("REQUESTS#1", str(number), "audit"), {}))
    # A part has an eighth of 1,000 units a second.
    assert 7 <= table.spent <= 9

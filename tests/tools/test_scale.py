"""The computed ceilings and the simulation of docs/scale.md."""

from __future__ import annotations

import inspect
import io
import json
import re
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import timedelta

import pytest

from benchmarks import growth, scale, scale_simulation
from benchmarks.scale import PAGE
from benchmarks.scale_simulation import (
    LINES_A_DELIVERY,
    SCENARIOS,
    START,
    Simulation,
    documented,
)
from benchmarks.simulated_aws import PARTS, LimitedTable
from latchkey.domain.limits import AUDIT_COUNTS_MAX
from latchkey.storage import keys
from latchkey.storage.table import Key, Put
from latchkey.wiring.audit import request_index_store


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


LITTLE = 240
"""A part that is so small takes a second of this machine for a minute of the goal's traffic."""


def small(name, seconds, *, outage=(0, 0), parts=LITTLE):
    """Return a scenario that is short and of a small part."""
    scenario = SCENARIOS[name]
    down = (scenario.outage[0], *outage)
    return replace(scenario, seconds=seconds, outage=down, parts=parts)


def simulate(scenario, directory):
    with redirect_stdout(io.StringIO()):
        simulation = Simulation(scenario, directory)
        return simulation, simulation.run()


@pytest.fixture(scope="module", autouse=True)
def credentials():
    """What boto3 needs to make clients. They send nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "simulated")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "simulated")
        yield


@pytest.fixture(scope="module")
def minute(tmp_path_factory):
    """A minute of the mix, with all functions, until nothing is left to do."""
    return simulate(small("mix", 60), tmp_path_factory.mktemp("index"))


def test_every_function_keeps_up(minute):
    simulation, results = minute
    functions = {name: consumer.function for name, consumer in simulation.consumers.items()}
    assert set(results) == {*scale_simulation.TRAIL, *scale_simulation.MAIL}
    assert all(result.work > 0 for result in results.values())
    window = simulation.consumers["chain_audit"].shard.window
    assert results["chain_audit"].delay <= window + functions["chain_audit"].slowest + 1
    assert results["archive_audit"].work == results["chain_audit"].work
    assert results["send_mail"].work == results["relay_outbox"].work
    assert results["relay_outbox"].delay <= 2
    names = ("record_requests", "chain_audit", "relay_outbox", "send_mail")
    assert [name for name in names if functions[name].slowest > functions[name].timeout] == []


def test_the_indexed_packs_are_found(minute):
    simulation, results = minute
    days = simulation.service.services[request_index_store].days(
        START.date(), START.date() + timedelta(days=1)
    )
    indexed = sum(file.lines for day in days for file in day.files)
    traffic = simulation.scenario.traffic
    reads = traffic.reads / (traffic.reads + traffic.refusals + traffic.anonymous)
    assert 0.9 < indexed / (results["record_requests"].work * reads) <= 1.1


@pytest.mark.parametrize(
    ("name", "seconds", "outage"),
    [
        ("record_requests", 240, (20, 230)),
        ("chain_audit", 200, (60, 150)),
        ("archive_audit", 300, (10, 9_000)),
        ("index_requests", 600, (100, 2_000)),
        ("relay_outbox", 200, (60, 150)),
        ("send_mail", 300, (60, 200)),
    ],
)
def test_an_outage_is_caught_up(name, seconds, outage, tmp_path):
    simulation, results = simulate(small(name, seconds, outage=outage), tmp_path)
    result = results[name]
    assert result.work > 0
    assert result.delay >= min(outage[1] - outage[0], seconds) / 2
    assert result.recovery is not None
    assert 0 <= result.recovery <= 3_600
    assert not any(consumer.is_waiting() for consumer in simulation.consumers.values())


def test_a_flood_of_many_networks_adds_few_rows(tmp_path):
    """A row of counts has at most 50 groups, for any number of networks."""
    simulation, results = simulate(small("flood", 60), tmp_path)
    deliveries = results["record_requests"].work / LINES_A_DELIVERY
    stored = [
        json.loads(wire)
        for partition in simulation.table._stored.values()
        for wire, _ in partition.items.values()
    ]
    counts = [item["counts"]["L"] for item in stored if "counts" in item]
    assert 0 < len(counts) <= deliveries
    assert max(map(len, counts)) <= AUDIT_COUNTS_MAX


def test_partitions_limit_the_simulated_table():
    table = LimitedTable()
    for number in range(1000):
        table.put(Put(Key("REQUESTS#1", str(number), "audit"), {}))
    # A part has an eighth of 1,000 units a second.
    assert 7 <= table.spent <= 13


# The page -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    """The cells of the table in the page, by scenario and function."""
    found = documented(PAGE.read_text(encoding="utf-8"))
    cells = [[cell.strip(" `") for cell in r.split("|")[1:-1]] for rs in found.values() for r in rs]
    return {(row[0].replace("`", ""), row[1]): row[2:] for row in cells}


def test_the_page_has_every_scenario(rows):
    expected = set()
    for scenario in SCENARIOS.values():
        down = scenario.outage[0]
        for function in [down] if down else scenario.functions:
            expected.add((scenario.name.replace("`", ""), function))
    assert set(rows) == expected


def test_the_page_has_the_ceiling_of_every_function():
    text = PAGE.read_text(encoding="utf-8")
    expected = list(scale_simulation.ceilings(text))
    assert scale.section(text, "functions") == expected
    # The header, and a line for each function.
    assert len(expected) == 2 + len(SCENARIOS["mix"].functions)


def test_no_documented_function_is_at_its_limit(rows):
    for (_, function), (work, busy, _, recovery, slowest) in rows.items():
        assert int(work.replace(",", "")) > 0
        assert recovery
        run, timeout = re.fullmatch(r"([\d.,]+) of (\d+) s", slowest).groups()
        assert float(run.replace(",", "")) < int(timeout), function
        assert not busy.endswith("%") or int(busy[:-1]) < 100, function


@pytest.mark.parametrize("function", ["chain_audit", "relay_outbox", "send_mail"])
def test_a_small_run_costs_what_the_page_says(rows, minute, function):
    """A busy machine takes longer, but not many times; small batches cost more a row."""
    simulation, results = minute
    scenario = SCENARIOS["mix"]
    work, busy, *_ = rows[scenario.name, function]
    share = int(busy.removesuffix("%")) / 100
    documented_seconds = share * scenario.seconds * PARTS / int(work.replace(",", ""))
    if function == "send_mail":
        documented_seconds *= scale_simulation.MAIL_CONCURRENCY / PARTS
    seconds = simulation.consumers[function].function.seconds / results[function].work
    assert documented_seconds / 5 < seconds < documented_seconds * 20


# Growth -------------------------------------------------------------------------------------------


def test_the_page_has_the_read_units_of_a_list_of_sessions():
    lines = list(growth.sessions())
    assert "\n".join(lines) in PAGE.read_text(encoding="utf-8")


def test_a_page_of_a_long_history_costs_what_the_page_says():
    """As many rows as are in a page, and ten times as many."""
    text = PAGE.read_text(encoding="utf-8")
    with redirect_stdout(io.StringIO()):
        short, long = list(growth.history(60)), list(growth.history(600))
    assert short == long
    assert "\n".join(long) in text

"""Benchmarks run by hand. What they import exists."""

from __future__ import annotations

import importlib

import pytest

from benchmarks import audit_reads
from tools.template import ROOT

NAMES = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))


def test_there_are_benchmarks():
    assert {"administration", "exports", "operations"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_benchmark_finds_what_it_imports(name):
    assert importlib.import_module(f"benchmarks.{name}").__doc__


@pytest.fixture(scope="module")
def reads():
    """What 2,000 reads of many people leave, in batches of 100."""
    return audit_reads.measure(2000)


def test_all_evidence_of_a_million_reads_costs_fifteen_cents(reads):
    prices = audit_reads.dollars_per_read(reads, 2000)
    assert set(prices) >= {"packs, written", "record_requests"}
    assert all(price > 0 for price in prices.values())
    assert 0.10 < 1e6 * sum(prices.values()) <= 0.15


def test_assumed_processor_time_is_the_measured_one(reads):
    """A busy machine takes longer, but not ten times."""
    assert reads.record_seconds / reads.packs < 10 * audit_reads.RECORD_SECONDS
    assert reads.index_seconds / 2000 < 10 * audit_reads.INDEX_SECONDS


def test_index_of_an_idle_stack_costs_cents():
    assert sum(audit_reads.monthly().values()) < 0.25

"""Benchmarks run by hand. What they import exists."""

from __future__ import annotations

import importlib

import pytest

from tools.template import ROOT

NAMES = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))


def test_there_are_benchmarks():
    assert {"administration", "exports", "operations"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_benchmark_finds_what_it_imports(name):
    assert importlib.import_module(f"benchmarks.{name}").__doc__

"""Preflight reads parameters by name: a renamed one would count as empty."""

from __future__ import annotations

from tools.preflight.plan import Plan
from tools.template import load


def test_preflight_reads_only_parameters_of_the_template():
    assert Plan.READS - set(load()["Parameters"]) == set()

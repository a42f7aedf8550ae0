"""Accounts that are new, administrators, being exported, suspended, deleted or being erased."""

from __future__ import annotations

import pytest

from tests.support.interleaved_operations import names
from tests.support.interleaved_worlds import WORLDS
from tests.support.interleaving_checks import problems

pytestmark = pytest.mark.timeout(600)
"""Each tries one operation against all others: up to three seconds on a quiet processor."""


@pytest.mark.parametrize(
    ("world", "first"),
    [(world, first) for world in WORLDS if world != "active" for first in names(world)],
)
def test_no_interruption_breaks_an_invariant(world, first, record_property):
    count, found = problems(world, first)
    record_property("interleavings", count)
    assert not found

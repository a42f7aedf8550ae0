"""Everything else on an active account, interrupted by every other operation on it."""

from __future__ import annotations

import pytest

from tests.support.interleaved_operations import names
from tests.support.interleaving_checks import problems

pytestmark = pytest.mark.timeout(600)
"""Each tries one operation against all others: up to three seconds on a quiet processor."""


@pytest.mark.parametrize("first", names("active", signing_in=False))
def test_no_interruption_breaks_an_invariant(first, record_property):
    count, found = problems("active", first)
    record_property("interleavings", count)
    assert not found

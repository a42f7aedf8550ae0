"""Exports of long histories: linear in time, flat in memory."""

from __future__ import annotations

import pytest

from tests.support.long_history import measure


def test_ten_times_the_rows_take_no_more_memory():
    small, large = measure(2_000), measure(20_000)
    assert large.mebibytes < small.mebibytes + 48, "the working set is a segment, a part and a page"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_thousand_rows_are_linear_in_time_and_flat_in_memory():
    ten, hundred = measure(10_000), measure(100_000)
    assert hundred.seconds / ten.seconds < 15
    assert hundred.mebibytes < ten.mebibytes + 48

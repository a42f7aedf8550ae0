"""No file crashes the decoder, blocks it for long, or exhausts the memory."""

from __future__ import annotations

import random

import pytest

from tests.support import picture_campaign as campaign


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [60, pytest.param(5000, marks=pytest.mark.slow)])
def test_every_file_is_accepted_or_refused_within_the_limits(count):
    seed = random.SystemRandom().randrange(1 << 32)
    outcomes = campaign.run(count, seed)
    assert len(outcomes) > count
    assert {0, 10} == {outcome.status for outcome in outcomes if not outcome.crashed}
    bad = [
        outcome
        for outcome in outcomes
        if outcome.crashed
        or outcome.cpu_seconds > campaign.CPU_SECONDS
        or outcome.mebibytes > campaign.MEBIBYTES
    ]
    assert not bad, f"seed {seed}: {bad}"

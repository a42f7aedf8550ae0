"""`make smoke` on the deployed stack."""

from __future__ import annotations

import pytest

from tests.support.commands import make

ONLY_ON_AWS = {"transport"}


# Every function that it meets starts cold, and on a busy machine that takes seconds each.
@pytest.mark.timeout(600)
def test_smoke_passes_on_the_local_stack(stack):
    done = make(
        stack.emulator,
        "smoke",
        f"URL={stack.base_url}",
        f"STACK={stack.deployment.name}",
        "REGISTER=1",
        "EXPORT=1",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split(maxsplit=1) for line in done.stdout.strip().splitlines()[:-2]]
    results = {message.partition(":")[0].strip(): result for result, message in lines}
    assert {name for name, result in results.items() if result == "SKIPPED"} == ONLY_ON_AWS
    assert {name for name, result in results.items() if result == "FAIL"} == set()

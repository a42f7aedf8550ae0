"""One operation, and every other one in each of its pauses, held against all invariants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.interleaved_operations import KNOWN, OPERATIONS, seconds
from tests.support.interleaved_worlds import build
from tests.support.invariants import anomalies, violations

if TYPE_CHECKING:
    from collections.abc import Iterator

BY_NAME = {operation.name: operation for operation in OPERATIONS}


def problems(
    world_name: str, first: str, *, only: str | None = None, excused: bool = True
) -> tuple[int, list[str]]:
    """Interleave an operation with every other one. Returns how many runs, and what was wrong.

    only     the one operation to interleave it with
    excused  whether what is `KNOWN` counts for nothing
    """
    count, found = 0, []
    for runs, wrong in _pairs(world_name, first, only, excused):
        count += runs
        found += wrong
    return count, found


def _pairs(
    world_name: str, first: str, only: str | None, excused: bool
) -> Iterator[tuple[int, list[str]]]:
    world = build(world_name)
    operation = BY_NAME[first]
    for other in seconds(world_name, operation) if only is None else [BY_NAME[only]]:
        runs = list(world.interleavings(operation, other))
        wrong = [sentence for run in runs for sentence in violations(run)]
        if runs and not (excused and (operation.name, other.name) in KNOWN):
            alone = {o.name: world.alone(o) for o in (operation, other)}
            wrong += anomalies(runs, alone)
        yield len(runs), wrong

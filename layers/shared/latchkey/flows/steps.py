"""A worker's work as named steps.

A worker can be killed at any point. The next delivery starts at the first step again, and each step
skips what is already done. Tests kill a process after a step, by its
name (`tests/support/export_process.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    run  does the step or a part of it. Returns whether more is left, and is then called again
    """

    name: str
    run: Callable[[], bool | None]


type Runner = Callable[[Iterable[Step]], None]
"""Runs steps in order. It must run each one before it takes the next from the iterable."""


def run_steps(steps: Iterable[Step]) -> None:
    """Run each step until nothing is left of it."""
    for step in steps:
        while step.run():
            pass

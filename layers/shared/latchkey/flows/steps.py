"""A worker's work as named steps.

A worker can be killed anywhere. The next delivery starts from the first step, and each step finds
out what is left to do: what was done is not done twice. Tests kill a process after a step, by its
name (`tests/support/export_process.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    run  does it, or some of it, and returns whether there is more: then it runs again
    """

    name: str
    run: Callable[[], bool | None]


type Runner = Callable[[Iterable[Step]], None]
"""Runs steps in their order. A step is made after the one before it has run."""


def run_steps(steps: Iterable[Step]) -> None:
    """Run every step to its end."""
    for step in steps:
        while step.run():
            pass

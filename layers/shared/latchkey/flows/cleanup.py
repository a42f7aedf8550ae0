"""The schedule's work: what time makes due, and what an accident left behind.

A task is a function of the present instant that says how much it got done. It must be right to run
it twice, and to stop it anywhere. Each runs under a lease of its own, so that five schedules that
fire at once do not all pay for the same reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.limits import CLEANUP_LEASE_SECONDS
from latchkey.observability import logger, record_task

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from latchkey.storage.task_leases import TaskLeases


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to tidy up.

    name     of its metric and its lease
    by_hand  whether it runs only when it is asked for by name
    """

    name: str
    run: Callable[[datetime], int]
    by_hand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleanup:
    """The flow, and what it needs."""

    tasks: tuple[Task, ...]
    leases: TaskLeases

    def run(self, now: datetime, *, only: str | None = None) -> dict[str, int | None]:
        """Run every task of the schedule, or the one that is named; say what each got done.

        A task that fails does not keep the others from running: it is logged, counted, and comes
        back with the next run. None in its place, as for one that another run is at.

        Raises KeyError for a task that does not exist.
        """
        if only is not None:
            return {only: self._attempt({task.name: task for task in self.tasks}[only], now)}
        return {task.name: self._attempt(task, now) for task in self.tasks if not task.by_hand}

    def _attempt(self, task: Task, now: datetime) -> int | None:
        if not self.leases.take(task.name, now, timedelta(seconds=CLEANUP_LEASE_SECONDS)):
            return None
        try:
            done = task.run(now)
        except Exception:  # noqa: BLE001 - the other tasks go on
            logger.exception("task failed", task=task.name)
            record_task(task.name, failed=True)
            return None
        finally:
            self.leases.release(task.name)
        logger.info("task", task=task.name, done=done)
        record_task(task.name)
        return done

"""Scheduled tasks: overdue work, and remains of crashes.

A task is a function of the current time that returns the amount of work it did. It must be safe to
repeat and to stop at any point. Each has a lease, so that parallel runs do not all read the same
data.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.limits import CLEANUP_LEASE_SECONDS
from latchkey.domain.values import dataclass
from latchkey.observability import logger, record_task

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from latchkey.storage.task_leases import TaskLeases


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A scheduled task.

    name    the name of its metric and its lease
    manual  whether it runs only when an operator names it
    """

    name: str
    run: Callable[[datetime], int]
    manual: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleanup:
    """The flow and its parts."""

    tasks: tuple[Task, ...]
    leases: TaskLeases

    def run(self, now: datetime, *, only: str | None = None) -> dict[str, int | None]:
        """Run every task of the schedule, or the named one. Returns the result of each.

        A failed task does not stop the others: it is logged and counted, and runs again in the next
        run. Its result is None, like that of a task whose lease another run has.

        Raises KeyError for an unknown task.
        """
        if only is not None:
            return {only: self._attempt({task.name: task for task in self.tasks}[only], now)}
        return {task.name: self._attempt(task, now) for task in self.tasks if not task.manual}

    def _attempt(self, task: Task, now: datetime) -> int | None:
        if not self.leases.take(task.name, now, timedelta(seconds=CLEANUP_LEASE_SECONDS)):
            return None
        try:
            done = task.run(now)
        except Exception:  # noqa: BLE001 - only this task fails
            logger.exception("task failed", task=task.name)
            record_task(task.name, failed=True)
            return None
        finally:
            self.leases.release(task.name)
        logger.info("task", task=task.name, done=done)
        record_task(task.name)
        return done

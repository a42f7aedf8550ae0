"""Leases of scheduled tasks: one run at a time, even if a schedule fires twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.clock import to_milliseconds
from latchkey.storage import keys
from latchkey.storage.table import (
    Change,
    Compare,
    ConditionFailed,
    Delete,
    Lacks,
    Update,
)

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from latchkey.storage.table import Table


class TaskLeases:
    """The leases of one deployment's tasks."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def take(self, task: str, now: datetime, lease: timedelta) -> bool:
        """Begin a task unless it is running.

        Pattern      K1, a schedule fires
        Request      UpdateItem
        Cost         1 WRU
        Condition    the task has no active lease
        Race         of parallel callers, one gets True
        """
        free = Lacks("leased_until") | Compare("leased_until", "<=", to_milliseconds(now))
        change = Change(
            assign={
                "leased_until": to_milliseconds(now + lease),
                "ttl": int((now + lease).timestamp()),
            }
        )
        try:
            self._table.update(Update(keys.task_lease(task), change, free))
        except ConditionFailed:
            return False
        return True

    def release(self, task: str) -> None:
        """End a task before its lease does.

        Pattern      K2, a task is done
        Request      DeleteItem
        Cost         1 WRU
        """
        self._table.delete(Delete(keys.task_lease(task)))

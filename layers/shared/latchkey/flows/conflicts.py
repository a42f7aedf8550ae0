"""Retries after a lost race: read, decide and write again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import TRANSACTION_ATTEMPTS, UNAVAILABLE_RETRY_AFTER_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable


class Conflict:
    """The result of an attempt that lost a race: its write was refused, and it may try again."""


CONFLICT: Final = Conflict()


def retry_on_conflict[T](
    attempt: Callable[[], T | Conflict], *, reason: str, attempts: int = TRANSACTION_ATTEMPTS
) -> T:
    """Return the first result of `attempt` that is not a conflict.

    attempt  reads, decides and writes; it may raise to refuse
    reason   for the log, if every attempt conflicts

    Raises TemporarilyUnavailable after the last attempt.
    """
    for _ in range(attempts):
        result = attempt()
        if not isinstance(result, Conflict):
            return result
    raise TemporarilyUnavailable(retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS, reason=reason)

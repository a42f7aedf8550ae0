"""The decorator of handlers that a schedule, a stream or an operator invokes."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from latchkey.wiring import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from latchkey.events import Event
    from latchkey.wiring import Needs


_UNLIMITED_SECONDS = 900.0
"""Of an invocation without a context, which is not by Lambda: the maximum of Lambda."""


def event_handler[Answer](
    *, needs: Needs, timed: bool = False
) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Make a function a Lambda handler. It gets the event, then the parts that it needs.

    needs  parts of `latchkey.wiring`, made at the first event
    timed  the function's last argument returns the remaining seconds of the invocation
    """

    def decorate(function: Callable[..., Answer]) -> Callable[..., Answer]:
        @wraps(function)
        def handler(event: Event, lambda_context: Any = None) -> Answer:
            timer = (lambda: _remaining_seconds(lambda_context),)
            return function(event, *resolve(needs), *(timer if timed else ()))

        return handler

    return decorate


def _remaining_seconds(lambda_context: Any) -> float:
    if lambda_context is None:
        return _UNLIMITED_SECONDS
    return float(lambda_context.get_remaining_time_in_millis() / 1000)

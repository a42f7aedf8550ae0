"""The decorator of handlers that a schedule, a stream or an operator invokes."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from latchkey.wiring import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from latchkey.events import Event
    from latchkey.wiring import Needs


def event_handler[Answer](
    *, needs: Needs
) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Make a function a Lambda handler. It gets the event, then the parts that it needs.

    needs  parts of `latchkey.wiring`, made at the first event
    """

    def decorate(function: Callable[..., Answer]) -> Callable[..., Answer]:
        @wraps(function)
        def handler(event: Event, lambda_context: Any = None) -> Answer:
            del lambda_context
            return function(event, *resolve(needs))

        return handler

    return decorate

"""The wrapper around the authorizer. It never allows by mistake.

An API of this service logs the authorizer's figures in the line of the endpoint. For other APIs a
refusal has a line here, because nothing else records it, and an allowed request has none.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from latchkey.config import runs_in_lambda
from latchkey.domain.audit import OK
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.errors import DirectAccessRefused, DomainError, TemporarilyUnavailable
from latchkey.domain.limits import UNAVAILABLE_RETRY_AFTER_SECONDS
from latchkey.http.auth import allow, figures, refuse
from latchkey.http.request import is_through_edge, request_use
from latchkey.observability import REQUEST_LINE, logger, record_server_error, units
from latchkey.wiring import resolve, services
from latchkey.wiring.storage import clock

if TYPE_CHECKING:
    from latchkey.flows.authorization import Authorization
    from latchkey.http.request import Event
    from latchkey.wiring import Part

_OPERATION = "authorizer"
_SERVER_ERROR = 500
_STATUS = {TemporarilyUnavailable.code: 503, DirectAccessRefused.code: 403}


class Authorizer:
    """A REQUEST authorizer for HTTP APIs: payload 2.0, simple responses."""

    def __init__(self, *, needs: Part[Authorization]) -> None:
        """Use this flow. In Lambda, load it now, during the initialization."""
        self._needs = needs
        if runs_in_lambda():
            resolve(needs)

    def __call__(self, event: Event) -> Event:
        """Authorize one request.

        An error never grants access: for this API the reason leads to a 401 or 503, other APIs are
        denied.
        """
        started = time.perf_counter()
        units.reset()
        config, now = services().config, services()[clock].now
        typed = config.authorizer_passes_reasons
        headers = {name.lower(): text for name, text in (event.get("headers") or {}).items()}
        request_id = event.get("requestContext", {}).get("requestId")
        outcome = OK
        try:
            # Before the session is read and its use recorded. Other APIs have no edge secret.
            if typed and not (config.direct_access or is_through_edge(headers, config.edge_secret)):
                raise DirectAccessRefused  # noqa: TRY301 - answered as every other refusal
            caller = services()[self._needs].authorize(
                headers.get("authorization"),
                now(),
                request_use(event, headers, config.edge_secret),
                request_id=request_id or "",
            )
            answer = allow(caller)
        except DomainError as error:
            outcome = error.code
            answer = refuse(error, typed=typed)
        except Exception:  # noqa: BLE001 - the last resort: an error never grants access
            logger.exception("unexpected error")
            failure = TemporarilyUnavailable(retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS)
            outcome = failure.code
            answer = refuse(failure, typed=typed)
        milliseconds = (time.perf_counter() - started) * 1000
        status = 200 if outcome == OK else _STATUS.get(outcome, 401)
        if typed:
            # The endpoint answers, and writes the line of the request.
            answer["context"] |= figures(milliseconds, units.read, units.write)
        elif outcome != OK:
            logger.info(
                REQUEST_LINE,
                at=to_milliseconds(now()),
                operation=_OPERATION,
                status=status,
                request_id=request_id,
                outcome=outcome,
                ms=round(milliseconds, 1),
                read_units=units.read,
                write_units=units.write,
            )
        if status >= _SERVER_ERROR:
            record_server_error(_OPERATION)
        return answer

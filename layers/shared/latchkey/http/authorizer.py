"""The wrapper around the authorizer. It never allows by mistake.

This API sends payload 2.0, and so do most others. `http/doors.py` reads the events of every other
kind of API.

An API of this service logs the authorizer's figures in the line of the endpoint. For other APIs a
refusal has a line here, because nothing else records it, and an allowed request has none.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from latchkey.config import runs_in_lambda
from latchkey.domain.audit import OK
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.errors import (
    DirectAccessRefused,
    DomainError,
    TemporarilyUnavailable,
    TokenInvalid,
)
from latchkey.domain.limits import UNAVAILABLE_RETRY_AFTER_SECONDS
from latchkey.http.auth import allow, caller_context, figures, refuse
from latchkey.http.request import is_through_edge, request_use, shown_user_agent
from latchkey.observability import REQUEST_LINE, logger, record_server_error, units
from latchkey.wiring import resolve, services
from latchkey.wiring.storage import clock

if TYPE_CHECKING:
    from latchkey.config import Config
    from latchkey.domain.request import Caller
    from latchkey.domain.session import Use
    from latchkey.flows.authorization import Authorization
    from latchkey.http.doors import Door
    from latchkey.http.request import Event
    from latchkey.wiring import Part

_OPERATION = "authorizer"
_SERVER_ERROR = 500
_STATUS = {TemporarilyUnavailable.code: 503, DirectAccessRefused.code: 403}


class _HttpApi:
    """An HTTP API with payload 2.0 and simple responses: this API, or another one."""

    fails = False

    def __init__(self, event: Event, *, typed: bool) -> None:
        self._event = event
        self._typed = typed
        sent, context = event.get("headers"), event.get("requestContext")
        self._headers = (
            {name.lower(): text for name, text in sent.items()} if isinstance(sent, dict) else {}
        )
        self.request_id: str | None = (
            context.get("requestId") if isinstance(context, dict) else None
        )

    def authorization(self, config: Config) -> str | None:
        # Before the session is read and its use recorded. Other APIs have no edge secret.
        if self._typed and not (
            config.direct_access or is_through_edge(self._headers, config.edge_secret)
        ):
            raise DirectAccessRefused
        sent = self._headers.get("authorization")
        if sent is not None and not isinstance(sent, str):
            raise TokenInvalid(reason="ambiguous")
        return sent

    def use(self, config: Config) -> Use:
        return request_use(self._event, self._headers, config.edge_secret)

    def user_agent(self) -> str:
        return shown_user_agent(self._headers)

    def allow(self, caller: Caller) -> Event:
        if self._typed:
            return allow(caller)
        return {"isAuthorized": True, "context": caller_context(caller)}

    def refuse(self, error: DomainError) -> Event:
        return refuse(error, typed=self._typed)


class Authorizer:
    """A Lambda authorizer for every kind of API.

    This API passes on the reason of a refusal, and its endpoints answer (`typed`). Other APIs are
    denied the request.
    """

    def __init__(self, *, needs: Part[Authorization]) -> None:
        """Use this flow. In Lambda, load it now, during the initialization."""
        self._needs = needs
        if runs_in_lambda():
            resolve(needs)

    def __call__(self, event: Any) -> Event:
        """Authorize one request.

        An error never grants access. If no decision is possible, an API with policies gets an
        exception, which it answers with a 500, and an API with simple responses denies.
        """
        started = time.perf_counter()
        units.reset()
        config, now = services().config, services()[clock].now
        typed = config.authorizer_passes_reasons
        door = _door(event, typed=typed)
        outcome = OK
        try:
            authorization = door.authorization(config)
            caller = services()[self._needs].authorize(
                authorization,
                now(),
                door.use(config),
                request_id=door.request_id or "",
                user_agent=door.user_agent(),
            )
            answer = door.allow(caller)
        except DomainError as error:
            outcome = error.code
            answer = door.refuse(error)
        except Exception:  # noqa: BLE001 - the last resort: an error never grants access
            logger.exception("unexpected error")
            failure = TemporarilyUnavailable(retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS)
            outcome = failure.code
            answer = door.refuse(failure)
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
                request_id=door.request_id,
                outcome=outcome,
                ms=round(milliseconds, 1),
                read_units=units.read,
                write_units=units.write,
            )
        if status >= _SERVER_ERROR:
            record_server_error(_OPERATION)
            if door.fails:
                raise UndecidedError(outcome)
        return answer


class UndecidedError(Exception):
    """The authorizer can't decide. API Gateway answers 500, AUTHORIZER_FAILURE."""


def _door(event: Any, *, typed: bool) -> _HttpApi | Door:
    if isinstance(event, dict) and event.get("version") == "2.0":
        return _HttpApi(event, typed=typed)
    # Loaded when such an event comes: this API never sends one.
    from latchkey.http.doors import Door, door_of  # noqa: PLC0415

    return Door(event) if typed else door_of(event)

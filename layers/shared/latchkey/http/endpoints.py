"""The wrapper around every HTTP handler.

parse → refuse requests that bypass the edge → authenticate → validate → call → render,
errors through the catalogue, one log line
"""

from __future__ import annotations

import time
from functools import update_wrapper
from typing import TYPE_CHECKING, Any

from latchkey.config import operation_name, runs_in_lambda
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.errors import DirectAccessRefused, DomainError, TooManyAttempts
from latchkey.domain.language import Language, choose_language
from latchkey.domain.request import network_for_log
from latchkey.domain.values import dataclass
from latchkey.http.auth import (
    CallerRule,
    authenticate,
    authorizer_figures,
    figure,
    require_signature,
)
from latchkey.http.errors import CATALOGUE, INTERNAL_ERROR, render_error
from latchkey.http.idempotency import read_idempotency_key
from latchkey.http.preconditions import read_if_match
from latchkey.http.request import (
    parse_event,
    read_json,
    read_link_token,
    refuse_other_parameters,
)
from latchkey.http.response import limit_headers, render
from latchkey.observability import REQUEST_LINE, logger, record_server_error, request_subject, units
from latchkey.wiring import resolve, services
from latchkey.wiring.storage import clock, throttling

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from latchkey.domain.throttle import Quota, RateLimitStatus
    from latchkey.http.bodies.plain import PlainBody
    from latchkey.http.bodies.validation import Body
    from latchkey.http.forms import Form
    from latchkey.http.queries import Query
    from latchkey.http.request import Event, Request
    from latchkey.http.response import Response
    from latchkey.http.url_encoded import UrlEncodedForm
    from latchkey.wiring import Needs

_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSpec:
    """The declaration of an endpoint. `tools.openapi` generates the contract from it.

    returns  the view in the envelope's `data`, by status; None: no data
    errors   the domain errors of this operation, beyond the common ones
    limits   the rate limits per network address
    bare     the view is the whole body
    if_match the request may have If-Match
    form     the body may also be a form
    idempotency_key  the request may have an Idempotency-Key
    link_token  the request has the token of an emailed link in a header
    reason      an administrator may give a reason: in the body, or in the query if the body has
                no field for it
    """

    caller: CallerRule
    returns: Mapping[int, type | None]
    body: type[Body] | PlainBody[Any] | None = None
    query: type[Query] | None = None
    errors: tuple[type[DomainError], ...] = ()
    limits: tuple[Quota, ...] = ()
    bare: bool = False
    if_match: bool = False
    form: Form | UrlEncodedForm | None = None
    idempotency_key: bool = False
    link_token: bool = False
    reason: bool = False

    @property
    def body_model(self) -> type[Body] | None:
        """The pydantic model of the body, for the contract."""
        return self.body if self.body is None or isinstance(self.body, type) else self.body.model()


def may_omit_body(spec: EndpointSpec, method: str) -> bool:
    """Return whether the body is optional: if an empty body is valid.

    A PUT always needs a body, because a lost one would clear everything.
    """
    return spec.body is not None and method != "PUT" and spec.body.may_be_left_out()


class Endpoint:
    """A Lambda handler. `__wrapped__` is the bare function, for tests with their own flow."""

    def __init__(
        self,
        function: Callable[..., Response],
        spec: EndpointSpec,
        needs: Needs | None,
    ) -> None:
        """Wrap a function. In Lambda, load its parts now, during the initialization."""
        self.spec = spec
        self._needs = needs
        self._function = function
        update_wrapper(self, function)
        self.operation = operation_name(function.__module__)
        if runs_in_lambda():
            resolve(needs)
            if spec.limits:
                resolve(throttling)

    def __call__(self, event: Event, lambda_context: Any = None) -> Event:
        """Handle one request. Never raises."""
        del lambda_context
        started = time.perf_counter()
        units.reset()
        request_subject.reset()
        request_id = event["requestContext"]["requestId"]
        problem_json, language = False, Language.ENGLISH
        outcome, reason, ip_address = "OK", None, ""
        limit_statuses: list[RateLimitStatus] = []
        try:
            config, now = services().config, services()[clock].now()
            request = parse_event(event, now=now, edge_secret=config.edge_secret)
            ip_address = request.context.ip_address
            problem_json = request.wants_problem_json
            language = choose_language(request.languages)
            if not self.spec.caller.signed:
                _require_edge(request, direct_access=config.direct_access)
            response = render(self._respond(request, limit_statuses), request_id)
        except Exception as error:  # noqa: BLE001 - every response has the envelope
            outcome, reason = _outcome(error)
            response = render_error(error, request_id, problem_json=problem_json, language=language)
            if isinstance(error, TooManyAttempts) and error.limit_status is not None:
                limit_statuses.append(error.limit_status)
        response["headers"].update(limit_headers(limit_statuses))
        milliseconds = (time.perf_counter() - started) * 1000
        status = response["statusCode"]
        self._log(event, status, outcome, reason, milliseconds, ip_address=ip_address)
        return response

    def _respond(
        self, request: Request[Any, Any], limit_statuses: list[RateLimitStatus]
    ) -> Response:
        self._authenticate(request)
        if self.spec.if_match:
            request.expected_versions = read_if_match(request.headers.get("if-match"))
        self._read_query(request)
        if self.spec.form is not None and self.spec.form.fits(request):
            request.accept_body(self.spec.form.read(request))
        elif self.spec.body is not None:
            request.accept_body(self.spec.body.parse(self._document(request)))
        if self.spec.reason:
            request.accept_reason()
        if self.spec.idempotency_key:
            request.idempotency_key = read_idempotency_key(request)
        if self.spec.link_token:
            request.link_token = read_link_token(request)
        # The rate limits count only well-formed requests.
        limit_statuses += [
            services()[throttling].count_address(quota, request.context)
            for quota in self.spec.limits
        ]
        return self._function(request, *resolve(self._needs))

    def _authenticate(self, request: Request[Any, Any]) -> None:
        if self.spec.caller.authorizer:
            caller = authenticate(request.event, self.spec.caller)
            self.spec.caller.require(caller, request.context.now, request.path)
            request.accept_caller(caller, owner=self.spec.caller.owner)
        elif self.spec.caller.signed:
            require_signature(request.event)

    def _read_query(self, request: Request[Any, Any]) -> None:
        if self.spec.query is None:
            refuse_other_parameters(request.raw_query, ())
        else:
            request.accept_query(self.spec.query.parse(request.raw_query))

    def _document(self, request: Request[Any]) -> Any:
        if not request.has_body and may_omit_body(self.spec, request.method):
            return {}
        return read_json(request)

    def _log(
        self,
        event: Event,
        status: int,
        outcome: str,
        reason: str | None,
        milliseconds: float,
        *,
        ip_address: str,
    ) -> None:
        authorizer = event["requestContext"].get("authorizer", {}).get("lambda") or {}
        line = {
            "at": to_milliseconds(services()[clock].now()),
            "operation": self.operation,
            "request_id": event["requestContext"]["requestId"],
            "status": status,
            "outcome": outcome,
            "reason": reason,
            "ms": round(milliseconds, 1),
            "read_units": figure(units.read),
            "write_units": figure(units.write),
            **authorizer_figures(authorizer),
            "session_id": authorizer.get("session_id") or request_subject.session_id,
            "subject": authorizer.get("audit_subject") or request_subject.subject_id,
            "origin": authorizer.get("origin") or request_subject.origin,
        }
        if line["subject"] is None:
            # These requests are counted by network. The address itself is not logged.
            line["network"] = network_for_log(ip_address)
        write = logger.error if status >= _SERVER_ERROR else logger.info
        write(REQUEST_LINE, **line)
        if status >= _SERVER_ERROR:
            record_server_error(self.operation)


def endpoint(
    *,
    caller: CallerRule,
    returns: type | Mapping[int, type | None] | None = None,
    needs: Needs | None = None,
    body: type[Body] | PlainBody[Any] | None = None,
    query: type[Query] | None = None,
    errors: tuple[type[DomainError], ...] = (),
    limits: tuple[Quota, ...] = (),
    bare: bool = False,
    if_match: bool = False,
    form: Form | UrlEncodedForm | None = None,
    idempotency_key: bool = False,
    link_token: bool = False,
    reason: bool = False,
) -> Callable[[Callable[..., Response]], Endpoint]:
    """Make a function a Lambda handler of the HTTP API.

    caller   the allowed callers; no default, so that it can't be forgotten
    returns  the view of the response; by status if there are several
    needs    parts of `latchkey.wiring`: the function's arguments after the request
    body     the pydantic model of the body, or a PlainBody; it is the only way to reach the body
    query    the pydantic model of the query parameters; others are refused
    errors   the domain errors that it can return
    if_match whether it supports If-Match, with 412
    form     how a form is converted into the body
    idempotency_key  whether it supports Idempotency-Key, with 422
    link_token  whether it requires Latchkey-Token
    reason   whether an administrator may give a reason, for the audit row
    limits   the rate limits per network address; above them nothing is processed
    """
    if reason and not any(
        "reason" in getattr(model, "model_fields", ()) for model in (body, query)
    ):
        msg = "an endpoint with a reason needs it in its body, or ReasonQuery"
        raise TypeError(msg)
    spec = EndpointSpec(
        caller=caller,
        returns=returns if isinstance(returns, dict) else {200: returns},  # type: ignore[dict-item]
        body=body,
        query=query,
        errors=(*errors, TooManyAttempts) if limits else errors,
        limits=limits,
        bare=bare,
        if_match=if_match,
        form=form,
        idempotency_key=idempotency_key,
        link_token=link_token,
        reason=reason,
    )

    def decorate(function: Callable[..., Response]) -> Endpoint:
        return Endpoint(function, spec, needs)

    return decorate


def _require_edge(request: Request[Any], *, direct_access: bool) -> None:
    if not (request.came_through_edge or direct_access):
        raise DirectAccessRefused


def _outcome(error: Exception) -> tuple[str, str | None]:
    """Return the error's code and our reason. Neither contains input of the client."""
    if isinstance(error, DomainError) and type(error) in CATALOGUE:
        reason = error.data.get("reason")
        return error.code, str(reason) if reason is not None else None
    logger.exception("unexpected error")
    return INTERNAL_ERROR, None

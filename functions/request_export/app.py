"""POST /api/v1/users/me/export: have all of your data put into one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.bootstrap import export_flows
from latchkey.domain.errors import AccountNotFound, ExportAlreadyRunning, TooManyAttempts
from latchkey.http.auth import signed_in
from latchkey.http.endpoint import endpoint
from latchkey.http.response import ok
from latchkey.http.views.exports import ExportView, headers

if TYPE_CHECKING:
    from latchkey.flows.exports import Exports
    from latchkey.http.request import Request
    from latchkey.http.response import Response


@endpoint(
    caller=signed_in(recently=True),
    needs=export_flows,
    idempotency_key=True,
    returns={202: ExportView},
    errors=(AccountNotFound, ExportAlreadyRunning, TooManyAttempts),
)
def handler(request: Request[None], flow: Exports) -> Response:
    """Have all of your data put into one file.

    One at a time: while one is under way the answer is 409 with its location. What failed does not
    count towards the limit per day. The same `Idempotency-Key` gets the same export again.
    """
    export = flow.request(request.caller, request.idempotency_key, request.context)
    view = ExportView.of(export, request.context.now)
    return ok(view, status=202, headers=headers(export), message="Your export has been started.")

"""POST /api/v1/users/me/export: export the caller's data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound, ExportAlreadyRunning, TooManyAttempts
from latchkey.http import Request, Response, endpoint, ok, signed_in
from latchkey.http.views.exports import ExportView, headers
from latchkey.wiring.exports import exports

if TYPE_CHECKING:
    from latchkey.flows.exports import Exports


@endpoint(
    caller=signed_in(recently=True),
    needs=exports,
    idempotency_key=True,
    returns={202: ExportView},
    errors=(AccountNotFound, ExportAlreadyRunning, TooManyAttempts),
)
def handler(request: Request[None], flow: Exports) -> Response:
    """Start an export of all of your data into one file.

    One export runs at a time. While one is running, the response is 409 with its location. Failed
    exports do not count towards the daily limit. A repeated `Idempotency-Key` returns the same
    export.
    """
    export = flow.request(request.caller, request.idempotency_key, request.context)
    view = ExportView.of(export, request.context.now)
    return ok(view, status=202, headers=headers(export), message="Your export has been started.")

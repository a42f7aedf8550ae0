"""GET /api/v1/users/me/exports: the caller's exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound
from latchkey.http.auth import signed_in
from latchkey.http.endpoint import endpoint
from latchkey.http.response import ok
from latchkey.http.views.exports import ExportListView
from latchkey.wiring.exports import exports

if TYPE_CHECKING:
    from latchkey.flows.exports import Exports
    from latchkey.http.request import Request
    from latchkey.http.response import Response


@endpoint(caller=signed_in(), needs=exports, returns=ExportListView, errors=(AccountNotFound,))
def handler(request: Request[None], flow: Exports) -> Response:
    """List your exports, newest first.

    A ready export has a download link if you authenticated within the last five minutes. Otherwise
    `download_blocked_by` says so.
    """
    found = flow.list_all(request.caller, request.context)
    return ok(ExportListView.of(found, request.context.now))

"""GET /api/v1/users/me/exports: the caller's exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound
from latchkey.http import Request, Response, endpoint, ok, signed_in
from latchkey.http.views.exports import ExportListView
from latchkey.wiring.exports import exports

if TYPE_CHECKING:
    from latchkey.flows.exports import Exports


@endpoint(caller=signed_in(), needs=exports, returns=ExportListView, errors=(AccountNotFound,))
def handler(request: Request[None], flow: Exports) -> Response:
    """List your exports, newest first.

    A ready export has a download link if you authenticated within the last five minutes. Otherwise
    `download_blocked_by` says so.
    """
    found = flow.list_all(request.caller, request.context)
    return ok(ExportListView.of(found, request.context.now))

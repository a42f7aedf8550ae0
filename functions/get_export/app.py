"""GET /api/v1/users/me/exports/{export_id}: the progress of an export, and its link when ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound, ExportNotFound
from latchkey.domain.ids import ExportId
from latchkey.http import Request, Response, endpoint, ok, signed_in
from latchkey.http.views.exports import ExportView, headers
from latchkey.wiring.exports import exports

if TYPE_CHECKING:
    from latchkey.flows.exports import Exports


@endpoint(
    caller=signed_in(),
    needs=exports,
    returns=ExportView,
    errors=(AccountNotFound, ExportNotFound),
)
def handler(request: Request[None], flow: Exports) -> Response:
    """Read the progress of one of your exports, and a download link when it is ready.

    The link requires a recent authentication. Without one the response has no link, and
    `download_blocked_by` says so.
    """
    found = flow.read(request.caller, ExportId(request.path["export_id"]), request.context)
    view = ExportView.of(found.export, request.context.now, link=found.link, blocked=found.blocked)
    return ok(view, headers=headers(found.export))

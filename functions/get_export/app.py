"""GET /api/v1/users/me/exports/{export_id}: how far an export is, and a link when it is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.bootstrap import export_flows
from latchkey.domain.errors import AccountNotFound, ExportNotFound
from latchkey.http.auth import signed_in
from latchkey.http.endpoint import endpoint
from latchkey.http.response import ok
from latchkey.http.views.exports import ExportView, headers

if TYPE_CHECKING:
    from latchkey.flows.exports import Exports
    from latchkey.http.request import Request
    from latchkey.http.response import Response


@endpoint(
    caller=signed_in(),
    needs=export_flows,
    returns=ExportView,
    errors=(AccountNotFound, ExportNotFound),
)
def handler(request: Request[None], flow: Exports) -> Response:
    """See how far one of your exports is, and get a link to its file once it is ready.

    Anybody who is signed in may watch; the link needs a recent authentication. Without one the
    answer is the same but for the link, and `download_blocked_by` says so.
    """
    found = flow.read(request.caller, request.path["export_id"], request.context)
    view = ExportView.of(found.export, request.context.now, link=found.link, blocked=found.blocked)
    return ok(view, headers=headers(found.export))

"""GET /api/v1/audit: the audit trail, for administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound, InvalidCursor
from latchkey.http import Request, Response, admin, endpoint, ok
from latchkey.http.audit_query import AUDIT_QUERY, read_filter, read_paging
from latchkey.http.views.audit import AuditListView
from latchkey.wiring.audit import audit_search

if TYPE_CHECKING:
    from latchkey.flows.audit_search import AuditSearch


@endpoint(
    caller=admin(),
    needs=audit_search,
    query=AUDIT_QUERY,
    returns=AuditListView,
    errors=(InvalidCursor, AccountNotFound),
)
def handler(request: Request[None], flow: AuditSearch) -> Response:
    """Search the audit trail by user, session, action or time, newest first.

    Every search is recorded in the audit trail. Personal data stays sealed. A search by user_id
    returns the reasons that administrators gave.
    """
    what, page = read_filter(request), read_paging(request)
    return ok(AuditListView.of(flow.search(request.caller, request.context, what, **page)))

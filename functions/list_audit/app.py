"""GET /api/v1/audit: the audit trail, for administrators."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound, InvalidCursor
from latchkey.flows.audit_search import AuditFilter
from latchkey.http import Request, Response, admin, endpoint, ok
from latchkey.http.queries import AuditQuery
from latchkey.http.views.audit import AuditListView
from latchkey.wiring.audit import audit_search

if TYPE_CHECKING:
    from latchkey.flows.audit_search import AuditSearch

_PERIOD = timedelta(days=30)
_INSTANT = timedelta(milliseconds=1)


@endpoint(
    caller=admin(),
    needs=audit_search,
    query=AuditQuery,
    returns=AuditListView,
    errors=(InvalidCursor, AccountNotFound),
)
def handler(request: Request[None, AuditQuery], flow: AuditSearch) -> Response:
    """Search the audit trail by user, session, action or time, newest first.

    Every search is recorded in the audit trail. Personal data stays sealed. A search by user_id
    returns the reasons that administrators gave.
    """
    query = request.query
    until = query.until or request.context.now + _INSTANT
    criteria = AuditFilter(
        user_id=query.user_id,
        session_id=query.session_id,
        action=query.action,
        requests=query.kind == "requests",
        since=query.since or until - _PERIOD,
        until=until,
    )
    page = flow.search(
        request.caller, request.context, criteria, limit=query.limit, cursor=query.cursor
    )
    return ok(AuditListView.of(page))

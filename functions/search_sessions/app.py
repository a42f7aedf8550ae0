"""GET /api/v1/sessions: search the sessions of any account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import InvalidCursor
from latchkey.domain.search import SessionFilter
from latchkey.http import Request, Response, admin, endpoint, ok
from latchkey.http.queries import SessionQuery
from latchkey.http.views.administration import FoundSessionListView
from latchkey.wiring.sessions import administration

if TYPE_CHECKING:
    from latchkey.flows.administration import Administration


@endpoint(
    caller=admin(),
    needs=administration,
    query=SessionQuery,
    returns=FoundSessionListView,
    errors=(InvalidCursor,),
)
def handler(request: Request[None, SessionQuery], flow: Administration) -> Response:
    """Search sessions by account, address or network, device, country and time."""
    query = request.query
    criteria = SessionFilter(
        user_id=query.user_id,
        ip=query.ip,
        device=query.device,
        country=query.country,
        created_from=query.created_from,
        created_to=query.created_to,
        state=query.state,
    )
    page = flow.search_sessions(
        criteria, request.caller, request.context, limit=query.limit, cursor=query.cursor
    )
    return ok(FoundSessionListView.of(page))

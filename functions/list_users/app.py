"""GET /api/v1/users: search accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import InvalidCursor
from latchkey.domain.search import UserFilter
from latchkey.http import Request, Response, admin, endpoint, ok
from latchkey.http.queries import UserQuery
from latchkey.http.views.administration import UserListView
from latchkey.wiring.sessions import administration

if TYPE_CHECKING:
    from latchkey.flows.administration import Administration


@endpoint(
    caller=admin(),
    needs=administration,
    query=UserQuery,
    returns=UserListView,
    errors=(InvalidCursor,),
)
def handler(request: Request[None, UserQuery], flow: Administration) -> Response:
    """Search accounts by email address, or list them by status and creation time, newest first."""
    query = request.query
    criteria = UserFilter(
        email_prefix=query.email_prefix,
        status=None if query.status == "any" else query.status,
        created_from=query.created_from,
        created_to=query.created_to,
    )
    page = flow.list_users(
        criteria, request.caller, request.context, limit=query.limit, cursor=query.cursor
    )
    return ok(UserListView.of(page))

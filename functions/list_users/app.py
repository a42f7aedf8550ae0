"""GET /api/v1/users: search accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import InvalidCursor
from latchkey.domain.search import UserFilter
from latchkey.http import Request, Response, admin, endpoint, ok
from latchkey.http.parameters import PAGING, Choice, Instant, Text
from latchkey.http.views.administration import UserListView
from latchkey.wiring.sessions import administration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latchkey.flows.administration import Administration
    from latchkey.http.parameters import Parameter

ANY = "any"

QUERY: Mapping[str, Parameter] = {
    "email_prefix": Text(
        description="A prefix of the email address. The result is sorted by address."
    ),
    "status": Choice(
        options=(ANY, "active", "suspended", "deleted"),
        default=ANY,
        description="The account status. Accounts that are being erased are not listed.",
    ),
    "created_from": Instant(description="Created at this time or later."),
    "created_to": Instant(description="Created at this time or earlier."),
    **PAGING,
}


@endpoint(
    caller=admin(),
    needs=administration,
    query=QUERY,
    returns=UserListView,
    errors=(InvalidCursor,),
)
def handler(request: Request[None], flow: Administration) -> Response:
    """Search accounts by email address, or list them by status and creation time, newest first."""
    query = dict(request.query)
    if query["status"] == ANY:
        query["status"] = None
    paging = {name: query.pop(name) for name in ("limit", "cursor")}
    page = flow.list_users(UserFilter(**query), request.caller, request.context, **paging)
    return ok(UserListView.of(page))

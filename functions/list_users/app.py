"""GET /api/v1/users: find people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.bootstrap import administration
from latchkey.domain.errors import InvalidCursor
from latchkey.domain.search import UserFilter
from latchkey.http.auth import admin
from latchkey.http.endpoint import endpoint
from latchkey.http.parameters import PAGING, Choice, Instant, Text
from latchkey.http.response import ok
from latchkey.http.views.administration import UserListView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latchkey.flows.administration import Administration
    from latchkey.http.parameters import Parameter
    from latchkey.http.request import Request
    from latchkey.http.response import Response

QUERY: Mapping[str, Parameter] = {
    "email_prefix": Text(description="What the address begins with; sorts by address."),
    "status": Choice(
        options=("active", "suspended", "deleted"),
        default="active",
        description="The state of the accounts.",
    ),
    "created_from": Instant(description="Not older than this."),
    "created_to": Instant(description="Not younger than this."),
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
    """Find accounts: by address, or by state and creation, the newest first."""
    query = dict(request.query)
    paging = {name: query.pop(name) for name in ("limit", "cursor")}
    page = flow.list_users(UserFilter(**query), request.caller, request.context, **paging)
    return ok(UserListView.of(page))

"""GET /api/v1/users/me/consents: the caller's consents, given and withdrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import InvalidCursor
from latchkey.http import Request, Response, endpoint, ok, signed_in
from latchkey.http.queries import PageQuery
from latchkey.http.views.consents import ConsentListView
from latchkey.wiring.users import profile

if TYPE_CHECKING:
    from latchkey.flows.profile import Profile


@endpoint(
    caller=signed_in(),
    needs=profile,
    query=PageQuery,
    returns=ConsentListView,
    errors=(InvalidCursor,),
)
def handler(request: Request[None, PageQuery], flow: Profile) -> Response:
    """List your decisions about consents, newest first."""
    query = request.query
    page = flow.list_consents(request.caller, limit=query.limit, cursor=query.cursor)
    return ok(ConsentListView.of(page))

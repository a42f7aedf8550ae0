"""GET /api/v1/sessions: search the sessions of any account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import InvalidCursor
from latchkey.domain.search import SessionFilter, SessionState
from latchkey.http import Request, Response, admin, endpoint, ok
from latchkey.http.parameters import NETWORK_FORMAT, PAGING, Choice, Identifier, Instant, Text
from latchkey.http.views.administration import FoundSessionListView
from latchkey.wiring.sessions import administration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latchkey.flows.administration import Administration
    from latchkey.http.parameters import Parameter

QUERY: Mapping[str, Parameter] = {
    "user_id": Identifier(prefix="usr", description="The account."),
    "ip": Text(
        description="The IP address at sign-in, or a network: at least /16 (IPv4) or /32 (IPv6).",
        format=NETWORK_FORMAT,
    ),
    "device": Text(description="A prefix of the device's name, or the device's id."),
    "country": Text(description="The country at sign-in, as ISO 3166-1 alpha-2.", max_characters=2),
    "created_from": Instant(description="Created at this time or later."),
    "created_to": Instant(description="Created at this time or earlier."),
    "state": Choice(
        options=("active", "ended", "any"),
        default="active",
        description="The state of the session.",
    ),
    **PAGING,
}


@endpoint(
    caller=admin(),
    needs=administration,
    query=QUERY,
    returns=FoundSessionListView,
    errors=(InvalidCursor,),
)
def handler(request: Request[None], flow: Administration) -> Response:
    """Search sessions by account, address or network, device, country and time."""
    query = dict(request.query)
    paging = {name: query.pop(name) for name in ("limit", "cursor")}
    wanted = SessionFilter(**{**query, "state": SessionState(query["state"])})
    page = flow.search_sessions(wanted, request.caller, request.context, **paging)
    return ok(FoundSessionListView.of(page))

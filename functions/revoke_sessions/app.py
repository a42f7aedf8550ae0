"""DELETE /api/v1/users/me/sessions: sign out the other devices, or all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound, CurrentSessionUnknown
from latchkey.http import Request, Response, endpoint, signed_in
from latchkey.http.cookies import clear_refresh_token
from latchkey.http.queries import ScopeQuery
from latchkey.http.views.sessions import EndedSessionsView, ended_sessions
from latchkey.wiring.sessions import sessions

if TYPE_CHECKING:
    from latchkey.flows.sessions import Sessions


@endpoint(
    caller=signed_in(),
    needs=sessions,
    query=ScopeQuery,
    returns=EndedSessionsView,
    errors=(CurrentSessionUnknown, AccountNotFound),
)
def handler(request: Request[None, ScopeQuery], flow: Sessions) -> Response:
    """Sign out all your other devices, or all devices, in one atomic step."""
    scope = request.query.scope
    count = flow.revoke_many(request.caller, scope, request.context)
    response = ended_sessions(count, scope=scope)
    return clear_refresh_token(response) if scope == "all" else response

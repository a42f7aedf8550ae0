"""DELETE /api/v1/users/{user_id}/sessions: sign a user out on every device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.http import Request, Response, admin, endpoint
from latchkey.http.queries import ReasonQuery
from latchkey.http.views.sessions import EndedSessionsView, ended_sessions
from latchkey.wiring.sessions import administration

if TYPE_CHECKING:
    from latchkey.flows.administration import Administration


@endpoint(
    caller=admin(owner="user_id", recently=True),
    needs=administration,
    returns=EndedSessionsView,
    query=ReasonQuery,
    reason=True,
)
def handler(request: Request[None, ReasonQuery], flow: Administration) -> Response:
    """Sign a user out on every device, from the next request."""
    count = flow.end_sessions(request.account_id, request.caller, request.context)
    return ended_sessions(count, scope="user")

"""GET /api/v1/users/{user_id}/sessions: the devices of a user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.http import Request, Response, admin, endpoint, ok
from latchkey.http.views.sessions import SessionListView
from latchkey.wiring.sessions import administration

if TYPE_CHECKING:
    from latchkey.flows.administration import Administration


@endpoint(caller=admin(owner="user_id"), needs=administration, returns=SessionListView)
def handler(request: Request[None], flow: Administration) -> Response:
    """List the active sessions of a user, the last used first."""
    sessions = flow.list_sessions(request.account_id, request.caller, request.context)
    return ok(SessionListView.of(sessions, request.caller))

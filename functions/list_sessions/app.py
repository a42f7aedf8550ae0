"""GET /api/v1/users/me/sessions: the devices that the caller is signed in on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.http import Request, Response, endpoint, ok, signed_in
from latchkey.http.views.sessions import SessionListView
from latchkey.wiring.sessions import sessions

if TYPE_CHECKING:
    from latchkey.flows.sessions import Sessions


@endpoint(caller=signed_in(), needs=sessions, returns=SessionListView)
def handler(request: Request[None], flow: Sessions) -> Response:
    """List the devices that you are signed in on, the current one first."""
    sessions = flow.list_active(request.caller, request.context)
    return ok(SessionListView.of(sessions, request.caller))

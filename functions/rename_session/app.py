"""PATCH /api/v1/users/me/sessions/{session_id}: rename a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import SessionNotFound
from latchkey.http import Request, Response, endpoint, ok, signed_in
from latchkey.http.bodies.sessions import RenameSessionBody
from latchkey.http.views.sessions import SessionView
from latchkey.wiring.sessions import sessions

if TYPE_CHECKING:
    from latchkey.flows.sessions import Sessions


@endpoint(
    caller=signed_in(),
    needs=sessions,
    body=RenameSessionBody,
    returns=SessionView,
    errors=(SessionNotFound,),
)
def handler(request: Request[RenameSessionBody], flow: Sessions) -> Response:
    """Rename one of your devices."""
    session = flow.rename(
        request.caller, request.path["session_id"], request.body.device_name, request.context
    )
    return ok(SessionView.of(session, current_session_id=request.caller.session_id))

"""DELETE /api/v1/users/me/sessions/{session_id}: sign one device out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import SessionNotFound
from latchkey.http import Request, Response, endpoint, ok, signed_in
from latchkey.http.views.sessions import EndedSessionView
from latchkey.wiring.sessions import sessions

if TYPE_CHECKING:
    from latchkey.flows.sessions import Sessions


@endpoint(
    caller=signed_in(),
    needs=sessions,
    returns=EndedSessionView,
    errors=(SessionNotFound,),
)
def handler(request: Request[None], flow: Sessions) -> Response:
    """Sign one of your devices out. Its next request is refused."""
    ended = flow.revoke(request.caller, request.path["session_id"], request.context)
    return ok(EndedSessionView.of(ended), message="Session terminated successfully.")

"""POST /api/v1/auth/logout: sign this device out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.http import Request, Response, endpoint, ok, signed_in
from latchkey.http.cookies import clear_refresh_token
from latchkey.wiring.sessions import sessions

if TYPE_CHECKING:
    from latchkey.flows.sessions import Sessions


@endpoint(caller=signed_in(ended_allowed=True), needs=sessions)
def handler(request: Request[None], flow: Sessions) -> Response:
    """Sign this device out and clear its cookie. Doing it twice is not an error."""
    flow.log_out(request.caller, request.context)
    return clear_refresh_token(ok(message="Signed out."))

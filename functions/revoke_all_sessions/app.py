"""DELETE /api/v1/users/me/sessions/all: sign every device out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound
from latchkey.http import Request, Response, endpoint, signed_in
from latchkey.http.cookies import clear_refresh_token
from latchkey.http.views.sessions import EndedSessionsView, ended_sessions
from latchkey.wiring.sessions import sessions

if TYPE_CHECKING:
    from latchkey.flows.sessions import Sessions


@endpoint(
    caller=signed_in(),
    needs=sessions,
    returns=EndedSessionsView,
    errors=(AccountNotFound,),
)
def handler(request: Request[None], flow: Sessions) -> Response:
    """Sign every device out, including this one. The same as `?scope=all` on the collection."""
    count = flow.revoke_many(request.caller, "all", request.context)
    return clear_refresh_token(ended_sessions(count, scope="all"))

"""DELETE /api/v1/users/me/sessions: sign out the other devices, or all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.bootstrap import session_flows
from latchkey.domain.errors import AccountNotFound, CurrentSessionUnknown
from latchkey.http.auth import signed_in
from latchkey.http.endpoint import endpoint
from latchkey.http.parameters import Choice
from latchkey.http.views.sessions import EndedSessionsView, ended_sessions

if TYPE_CHECKING:
    from latchkey.flows.sessions import Sessions
    from latchkey.http.request import Request
    from latchkey.http.response import Response

SCOPE = Choice(
    options=("others", "all"),
    default="others",
    description="`others` keeps the current session. `all` ends it too and clears its cookie.",
)


@endpoint(
    caller=signed_in(),
    needs=session_flows,
    query={"scope": SCOPE},
    returns=EndedSessionsView,
    errors=(CurrentSessionUnknown, AccountNotFound),
)
def handler(request: Request[None], flow: Sessions) -> Response:
    """Sign out all your other devices, or all devices, in one atomic step."""
    scope = request.query["scope"]
    count = flow.revoke_many(request.caller, scope, request.context)
    return ended_sessions(count, scope=scope)

"""POST /api/v1/sessions/revocations: end sessions of any account by a filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound, RevocationNotConfirmed
from latchkey.http import Request, Response, admin, endpoint, ok
from latchkey.http.bodies.administration import RevocationBody
from latchkey.http.views.administration import RevocationView
from latchkey.wiring.sessions import administration

if TYPE_CHECKING:
    from latchkey.flows.administration import Administration


@endpoint(
    caller=admin(recently=True),
    needs=administration,
    body=RevocationBody,
    reason=True,
    returns=RevocationView,
    errors=(AccountNotFound, RevocationNotConfirmed),
)
def handler(request: Request[RevocationBody], flow: Administration) -> Response:
    """End the active sessions of any account that match a filter. The current session is kept.

    Send the filter alone first. This dry run returns the number of sessions, a sample, and a
    `confirmation` for this filter. Send the same filter with the confirmation within ten minutes
    to end the sessions. If the response has `is_complete: false`, send the request again.
    """
    body = request.body
    if body.is_dry_run:
        tried = flow.try_revocation(body.filter, request.caller, request.context)
        return ok(RevocationView.of(tried))
    done = flow.revoke(body.filter, body.confirmation, request.caller, request.context)
    return ok(RevocationView.of(done))

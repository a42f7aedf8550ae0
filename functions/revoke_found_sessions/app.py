"""POST /api/v1/sessions/revocations: end sessions of many people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.bootstrap import administration
from latchkey.domain.errors import RevocationNotConfirmed
from latchkey.http.auth import admin
from latchkey.http.bodies.administration import RevocationBody
from latchkey.http.endpoint import endpoint
from latchkey.http.response import ok
from latchkey.http.views.administration import RevocationView

if TYPE_CHECKING:
    from latchkey.flows.administration import Administration
    from latchkey.http.request import Request
    from latchkey.http.response import Response


@endpoint(
    caller=admin(),
    needs=administration,
    body=RevocationBody,
    returns=RevocationView,
    errors=(RevocationNotConfirmed,),
)
def handler(request: Request[RevocationBody], flow: Administration) -> Response:
    """End the active sessions that a filter finds, of anybody; your own present one stays.

    Send it with `dry_run: true` first: it answers how many there are, some of them, and a
    `confirmation` that is bound to you and to this filter. Send that with `dry_run: false` within
    ten minutes. Whatever `is_complete: false` answers can be sent again as it is.
    """
    body = request.body
    if body.dry_run:
        tried = flow.try_revocation(body.filter, request.caller, request.context)
        return ok(RevocationView.of(tried))
    done = flow.revoke(body.filter, body.confirmation, request.caller, request.context)
    return ok(RevocationView.of(done))

"""POST /api/v1/auth/password/forgot: email a link to choose a new password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.limits import MAIL_PER_ADDRESS
from latchkey.http import Request, Response, accepted, endpoint, public
from latchkey.http.bodies.auth import EmailBody
from latchkey.wiring.links import password_reset_requests

if TYPE_CHECKING:
    from latchkey.flows.password import PasswordResetRequests


@endpoint(
    caller=public(),
    needs=password_reset_requests,
    body=EmailBody,
    returns={202: None},
    limits=(MAIL_PER_ADDRESS,),
)
def handler(request: Request[EmailBody], flow: PasswordResetRequests) -> Response:
    """Email a link to choose a new password.

    The response is the same whether or not the address has an account.
    """
    flow.request_reset(request.body.email, request.context)
    return accepted("If the address has an account, an email is on its way.")

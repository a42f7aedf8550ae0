"""POST /api/v1/auth/email/resend: send the confirmation link again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.limits import MAIL_PER_ADDRESS
from latchkey.http import Request, Response, accepted, endpoint, public
from latchkey.http.bodies.auth import EmailBody
from latchkey.wiring.links import email_address

if TYPE_CHECKING:
    from latchkey.flows.email_address import EmailAddress


@endpoint(
    caller=public(),
    needs=email_address,
    body=EmailBody,
    returns={202: None},
    limits=(MAIL_PER_ADDRESS,),
)
def handler(request: Request[EmailBody], flow: EmailAddress) -> Response:
    """Send the link that confirms an email address again.

    The response is the same whether or not an unconfirmed account has this address.
    """
    flow.request_verification(request.body.email, request.context)
    return accepted("If an account is waiting for confirmation, an email is on its way.")

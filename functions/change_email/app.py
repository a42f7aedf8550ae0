"""POST /api/v1/users/me/email: change the email address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound, NoPassword, PasswordResetRequired
from latchkey.domain.limits import MAIL_PER_ADDRESS
from latchkey.http import Request, Response, accepted, endpoint, signed_in
from latchkey.http.bodies.auth import EmailBody
from latchkey.wiring.links import email_address

if TYPE_CHECKING:
    from latchkey.flows.email_address import EmailAddress


@endpoint(
    caller=signed_in(recently=True),
    needs=email_address,
    body=EmailBody,
    returns={202: None},
    errors=(AccountNotFound, NoPassword, PasswordResetRequired),
    limits=(MAIL_PER_ADDRESS,),
)
def handler(request: Request[EmailBody], flow: EmailAddress) -> Response:
    """Change the email address. A link is sent to the new address, and confirms it when opened.

    After the change the old address gets an email with a link to undo it.
    """
    flow.request_change(request.caller, request.body.email, request.context)
    return accepted("Open the link in the email to the new address to confirm it.")

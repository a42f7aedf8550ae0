"""POST /api/v1/auth/email/verify: confirm an email address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import (
    EmailAlreadyRegistered,
    InvalidCredentials,
    PasswordResetRequired,
    SingleUseTokenInvalid,
)
from latchkey.domain.limits import REDEEM_PER_ADDRESS
from latchkey.http import Request, Response, endpoint, ok, public
from latchkey.http.bodies.auth import ConfirmEmailBody
from latchkey.wiring.links import email_address

if TYPE_CHECKING:
    from latchkey.flows.email_address import EmailAddress


@endpoint(
    caller=public(),
    needs=email_address,
    body=ConfirmEmailBody,
    errors=(
        EmailAlreadyRegistered,
        InvalidCredentials,
        PasswordResetRequired,
        SingleUseTokenInvalid,
    ),
    limits=(REDEEM_PER_ADDRESS,),
)
def handler(request: Request[ConfirmEmailBody], flow: EmailAddress) -> Response:
    """Confirm the email address that a link was sent to, of a new account or of a change.

    The device that asked for the link needs no password: a browser that sends its device cookie, or
    an app that sends the `device_id` of its sign-in. Every other device includes the account's
    password. If somebody else registered the account with your address, reset the password first.
    """
    context = request.context.from_device(request.body.device_id)
    flow.confirm(request.body.token, request.body.password, context)
    return ok(message="The address is confirmed.")

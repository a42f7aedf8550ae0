"""POST /api/v1/auth/email/undo: restore the former email address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import SingleUseTokenInvalid
from latchkey.domain.limits import REDEEM_PER_ADDRESS
from latchkey.http import Request, Response, endpoint, ok, public
from latchkey.http.bodies.auth import TokenBody
from latchkey.wiring.links import email_address

if TYPE_CHECKING:
    from latchkey.flows.email_address import EmailAddress


@endpoint(
    caller=public(),
    needs=email_address,
    body=TokenBody,
    errors=(SingleUseTokenInvalid,),
    limits=(REDEEM_PER_ADDRESS,),
)
def handler(request: Request[TokenBody], flow: EmailAddress) -> Response:
    """Restore the former email address of your account, with the link that was sent to it.

    Every session ends and the password stops working. An email with a link to choose a new
    password follows.
    """
    flow.undo_change(request.body.token, request.context)
    return ok(message="The change is undone. Check your email to choose a new password.")

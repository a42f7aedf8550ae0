"""POST /api/v1/auth/not-me: report an unrecognized sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import SingleUseTokenInvalid
from latchkey.domain.limits import REDEEM_PER_ADDRESS
from latchkey.http import Request, Response, endpoint, ok, public
from latchkey.http.bodies.auth import TokenBody
from latchkey.wiring.links import sign_in_reports

if TYPE_CHECKING:
    from latchkey.flows.sign_in_reports import SignInReports


@endpoint(
    caller=public(),
    needs=sign_in_reports,
    body=TokenBody,
    errors=(SingleUseTokenInvalid,),
    limits=(REDEEM_PER_ADDRESS,),
)
def handler(request: Request[TokenBody], flow: SignInReports) -> Response:
    """Report that a sign-in was not yours, with the link of the email about it.

    The device is signed out and the password stops working. An email with a link to choose a new
    password follows.
    """
    flow.report(request.body.token, request.context)
    return ok(message="The device is signed out. Check your email to choose a new password.")

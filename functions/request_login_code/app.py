"""POST /api/v1/auth/login/code: email a code for signing in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.limits import MAIL_PER_ADDRESS
from latchkey.http import Request, Response, accepted, endpoint, public
from latchkey.http.bodies.auth import IdentifierBody
from latchkey.wiring.sign_in import login_codes

if TYPE_CHECKING:
    from latchkey.flows.login_codes import LoginCodes


@endpoint(
    caller=public(),
    needs=login_codes,
    body=IdentifierBody,
    returns={202: None},
    limits=(MAIL_PER_ADDRESS,),
)
def handler(request: Request[IdentifierBody], flow: LoginCodes) -> Response:
    """Email a code that lets the owner of an account sign in after `TOO_MANY_ATTEMPTS`.

    `login` takes the code together with the password. A code works once, for an hour. The response
    is the same whether or not the account exists. A mailbox gets a limited number of codes an hour,
    and every unused code of the last hour works.
    """
    flow.request(request.body.identifier, request.context)
    return accepted("If the account exists, an email with a code is on its way.")

"""POST /api/v1/auth/login/code: have a code mailed, to sign in with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.bootstrap import login_codes
from latchkey.domain.limits import MAIL_PER_ADDRESS
from latchkey.http.auth import public
from latchkey.http.bodies.auth import IdentifierBody
from latchkey.http.endpoint import endpoint
from latchkey.http.response import accepted

if TYPE_CHECKING:
    from latchkey.flows.login_codes import LoginCodes
    from latchkey.http.request import Request
    from latchkey.http.response import Response


@endpoint(
    caller=public(),
    needs=login_codes,
    body=IdentifierBody,
    returns={202: None},
    limits=(MAIL_PER_ADDRESS,),
)
def handler(request: Request[IdentifierBody], flow: LoginCodes) -> Response:
    """Mail a code that lets the owner of an account sign in after `TOO_MANY_ATTEMPTS`.

    `login` takes it together with the password; it works once, for an hour. The answer is the same
    whether or not there is an account. A mailbox gets few codes an hour: any that was mailed within
    the hour and not used works.
    """
    flow.request(request.body.identifier, request.context)
    return accepted("If there is such an account, a mail with a code is on its way.")

"""GET /api/v1/auth/not-me: see which sign-in a mail was about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.bootstrap import disowning
from latchkey.domain.errors import SingleUseTokenInvalid
from latchkey.domain.limits import REDEEM_PER_ADDRESS
from latchkey.http.auth import public
from latchkey.http.endpoint import endpoint
from latchkey.http.response import ok
from latchkey.http.views.sessions import ReportView

if TYPE_CHECKING:
    from latchkey.flows.disowning import Disowning
    from latchkey.http.request import Request
    from latchkey.http.response import Response


@endpoint(
    caller=public(),
    needs=disowning,
    returns=ReportView,
    errors=(SingleUseTokenInvalid,),
    limits=(REDEEM_PER_ADDRESS,),
    link_token=True,
)
def handler(request: Request[None], flow: Disowning) -> Response:
    """See which sign-in a mail was about, before you say that it was not yours.

    It changes nothing, so whatever follows the links of mails by itself does no harm. The token
    comes in a header, for addresses are kept in logs.
    """
    session = flow.find_reported(request.link_token, request.context)
    return ok(ReportView.of(session))

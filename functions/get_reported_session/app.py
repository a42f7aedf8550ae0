"""GET /api/v1/auth/not-me: the sign-in that an email reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import SingleUseTokenInvalid
from latchkey.domain.limits import REDEEM_PER_ADDRESS
from latchkey.http import Request, Response, endpoint, ok, public
from latchkey.http.views.sessions import ReportView
from latchkey.wiring.links import sign_in_reports

if TYPE_CHECKING:
    from latchkey.flows.sign_in_reports import SignInReports


@endpoint(
    caller=public(),
    needs=sign_in_reports,
    returns=ReportView,
    errors=(SingleUseTokenInvalid,),
    limits=(REDEEM_PER_ADDRESS,),
    link_token=True,
)
def handler(request: Request[None], flow: SignInReports) -> Response:
    """Read the sign-in that an email is about, before reporting it as not yours.

    The operation changes nothing, so scanners that open emailed links do no harm. The token is in
    a header, because URLs are logged.
    """
    session = flow.find_reported(request.link_token, request.context)
    return ok(ReportView.of(session))

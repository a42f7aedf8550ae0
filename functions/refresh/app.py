"""POST /api/v1/auth/refresh: exchange a refresh token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import (
    OriginNotAllowed,
    RefreshTokenInvalid,
    RefreshTokenReused,
    SessionExpired,
    SessionIdleTimeout,
    SessionOfDeletedAccount,
    SessionOfSuspendedAccount,
    SessionRevoked,
)
from latchkey.domain.limits import REFRESH_PER_ADDRESS
from latchkey.http import Request, Response, endpoint, public
from latchkey.http.bodies.plain import REFRESH_BODY
from latchkey.http.token_transport import presented_refresh_token, refreshed
from latchkey.http.views.auth import RefreshedView
from latchkey.wiring.sessions import refreshing
from latchkey.wiring.storage import public_urls

if TYPE_CHECKING:
    from latchkey.domain.request import PublicUrls
    from latchkey.flows.refreshing import Refreshing
    from latchkey.http.bodies.plain import PresentedToken


@endpoint(
    caller=public(),
    needs=(refreshing, public_urls),
    body=REFRESH_BODY,
    returns=RefreshedView,
    errors=(
        RefreshTokenInvalid,
        RefreshTokenReused,
        SessionRevoked,
        SessionOfDeletedAccount,
        SessionOfSuspendedAccount,
        SessionExpired,
        SessionIdleTimeout,
        OriginNotAllowed,
    ),
    limits=(REFRESH_PER_ADDRESS,),
)
def handler(request: Request[PresentedToken], flow: Refreshing, urls: PublicUrls) -> Response:
    """Exchange a refresh token, from the body or the cookie, for the next token pair.

    For 30 seconds the same token gets the same response, so parallel tabs and retries do not sign
    the device out. An error does not clear the cookie, because a parallel request may have just
    set it.
    """
    token, transport = presented_refresh_token(request, urls)
    return refreshed(flow.refresh(token, request.context), transport=transport)

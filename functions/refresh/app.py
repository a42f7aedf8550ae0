"""POST /api/v1/auth/refresh: exchange a refresh token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.bootstrap import refreshing
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
from latchkey.http.auth import public
from latchkey.http.bodies.auth import RefreshBody
from latchkey.http.endpoint import endpoint
from latchkey.http.refresh_transport import presented_refresh_token
from latchkey.http.views.auth import RefreshedView, refreshed

if TYPE_CHECKING:
    from latchkey.flows.refreshing import Refreshing
    from latchkey.http.request import Request
    from latchkey.http.response import Response


@endpoint(
    caller=public(),
    needs=refreshing,
    body=RefreshBody,
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
def handler(request: Request[RefreshBody], flow: Refreshing) -> Response:
    """Exchange a refresh token, from the body or the cookie, for the next token pair.

    For 30 seconds the same token gets the same response, so parallel tabs and retries do not sign
    the device out. An error does not clear the cookie, because a parallel request may have just
    set it.
    """
    token, transport = presented_refresh_token(request, request.body)
    return refreshed(flow.refresh(token, request.context), transport=transport)

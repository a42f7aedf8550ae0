"""POST /api/v1/auth/reauthenticate: confirm the password again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import (
    AccountNotFound,
    InvalidCredentials,
    NoPassword,
    PasswordResetRequired,
    TooManyAttempts,
)
from latchkey.http import Request, Response, endpoint, ok, signed_in
from latchkey.http.bodies.auth import ReauthenticateBody
from latchkey.http.views.auth import ReauthenticatedView
from latchkey.wiring.sessions import reauthentication

if TYPE_CHECKING:
    from latchkey.flows.reauthentication import Reauthentication


@endpoint(
    caller=signed_in(),
    needs=reauthentication,
    body=ReauthenticateBody,
    returns=ReauthenticatedView,
    errors=(
        InvalidCredentials,
        NoPassword,
        PasswordResetRequired,
        AccountNotFound,
        TooManyAttempts,
    ),
)
def handler(request: Request[ReauthenticateBody], flow: Reauthentication) -> Response:
    """Get an access token with a new `auth_time`, for operations that require one."""
    fresh = flow.with_password(request.caller, request.body.password, request.context)
    return ok(ReauthenticatedView.of(fresh))

"""PUT /api/v1/users/me/password: replace your password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import (
    AccountNotFound,
    InvalidCredentials,
    NoPassword,
    PasswordResetRequired,
    TooManyAttempts,
    WeakPassword,
)
from latchkey.http import Request, Response, endpoint, ok, signed_in
from latchkey.http.bodies.auth import ChangePasswordBody
from latchkey.http.views.sessions import EndedSessionsView
from latchkey.wiring.links import password

if TYPE_CHECKING:
    from latchkey.flows.password import Password


@endpoint(
    caller=signed_in(),
    needs=password,
    body=ChangePasswordBody,
    returns=EndedSessionsView,
    errors=(
        AccountNotFound,
        InvalidCredentials,
        NoPassword,
        PasswordResetRequired,
        TooManyAttempts,
        WeakPassword,
    ),
)
def handler(request: Request[ChangePasswordBody], flow: Password) -> Response:
    """Change your password. Your other devices are signed out."""
    body = request.body
    count = flow.change(request.caller, body.current_password, body.new_password, request.context)
    return ok(EndedSessionsView(terminated_count=count), message="The password is changed.")

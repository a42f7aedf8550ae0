"""POST /api/v1/auth/login: sign a device in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.bootstrap import sign_in
from latchkey.domain.errors import (
    AccountDeleted,
    AccountSuspended,
    CodeInvalid,
    EmailNotVerified,
    InvalidCredentials,
    OriginNotAllowed,
    PasswordResetRequired,
)
from latchkey.domain.limits import LOGIN_PER_ADDRESS
from latchkey.http.auth import public
from latchkey.http.bodies.auth import LoginBody
from latchkey.http.endpoint import endpoint
from latchkey.http.refresh_transport import require_origin_of_transport
from latchkey.http.views.auth import TokensView, tokens

if TYPE_CHECKING:
    from latchkey.flows.sign_in import SignIn
    from latchkey.http.request import Request
    from latchkey.http.response import Response


@endpoint(
    caller=public(),
    needs=sign_in,
    body=LoginBody,
    returns=TokensView,
    errors=(
        InvalidCredentials,
        CodeInvalid,
        EmailNotVerified,
        PasswordResetRequired,
        AccountDeleted,
        AccountSuspended,
        OriginNotAllowed,
    ),
    limits=(LOGIN_PER_ADDRESS,),
)
def handler(request: Request[LoginBody], flow: SignIn) -> Response:
    """Sign in with an email address or a username, and the password.

    The status of an account is only revealed after its password was verified. With
    `token_transport: cookie` the request must have an allowed `Origin`. After too many wrong
    passwords the owner can still sign in with a `code` that `requestLoginCode` emails.
    """
    body = request.body
    require_origin_of_transport(request, body.token_transport)
    signed_in = flow.with_password(
        identifier=body.identifier,
        context=request.context.from_device(body.device_id),
        **body.model_dump(include={"password", "device_name", "code"}),
    )
    return tokens(signed_in, transport=body.token_transport)

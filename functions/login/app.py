"""POST /api/v1/auth/login: sign a device in."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from latchkey.http import Request, Response, endpoint, public
from latchkey.http.bodies.auth import LoginBody
from latchkey.http.token_transport import require_origin_of_transport, tokens
from latchkey.http.views.auth import TokensView
from latchkey.wiring.sign_in import sign_in
from latchkey.wiring.storage import public_urls

if TYPE_CHECKING:
    from latchkey.domain.request import PublicUrls
    from latchkey.flows.sign_in import SignIn


@endpoint(
    caller=public(),
    needs=(sign_in, public_urls),
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
def handler(request: Request[LoginBody], flow: SignIn, urls: PublicUrls) -> Response:
    """Sign in with an email address or a username, and the password.

    An account's status is only revealed with its password. `token_transport: cookie` needs an
    allowed `Origin`. After too many wrong passwords, a `code` of `requestLoginCode` still works.
    """
    require_origin_of_transport(request, urls)
    signed_in = flow.with_password(
        context=request.context.from_device(request.body.device_id),
        identifier=request.body.identifier,
        **request.body.model_dump(include={"password", "device_name", "code"}),
    )
    return tokens(signed_in, urls, transport=request.body.token_transport)

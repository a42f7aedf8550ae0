"""POST /api/v1/auth/register: create an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import (
    AccountDeleted,
    AccountSuspended,
    EmailAlreadyRegistered,
    OriginNotAllowed,
    UsernameTaken,
    WeakPassword,
)
from latchkey.domain.limits import REGISTER_PER_ADDRESS
from latchkey.flows.registration import NewAccount, Registration
from latchkey.http import Request, Response, accepted, endpoint, public
from latchkey.http.bodies.registration import RegisterBody
from latchkey.http.token_transport import remember_device, require_origin_of_transport, tokens
from latchkey.http.views.auth import TokensView
from latchkey.wiring.sign_in import registration
from latchkey.wiring.storage import public_urls

if TYPE_CHECKING:
    from latchkey.domain.request import PublicUrls


@endpoint(
    caller=public(),
    needs=(registration, public_urls),
    body=RegisterBody,
    returns={201: TokensView, 202: None},
    errors=(
        WeakPassword,
        EmailAlreadyRegistered,
        UsernameTaken,
        AccountDeleted,
        AccountSuspended,
        OriginNotAllowed,
    ),
    limits=(REGISTER_PER_ADDRESS,),
    idempotency_key=True,
)
def handler(request: Request[RegisterBody], flow: Registration, urls: PublicUrls) -> Response:
    """Create an account.

    If email verification is optional, the new account is signed in (201). If it is required, the
    response is 202 whether or not the address has an account, and its owner gets an email.
    """
    body = request.body
    require_origin_of_transport(request, urls)
    new = NewAccount(**body.model_dump(exclude={"token_transport", "device_id"}))
    context = request.context.from_device(body.device_id).with_device()
    signed_in = flow.register(new, context, request.idempotency_key)
    if signed_in is None:
        response = accepted("Check your email to confirm the address.")
        return remember_device(response, context, transport=body.token_transport)
    return tokens(signed_in, urls, transport=body.token_transport, status=201)

"""POST /api/v1/auth/password/reset: choose a new password with an emailed link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import SingleUseTokenInvalid, WeakPassword
from latchkey.domain.limits import REDEEM_PER_ADDRESS
from latchkey.http import Request, Response, endpoint, ok, public
from latchkey.http.bodies.auth import ResetPasswordBody
from latchkey.http.cookies import set_device_id
from latchkey.http.views.auth import KnownDeviceView
from latchkey.wiring.links import password

if TYPE_CHECKING:
    from latchkey.flows.password import Password


@endpoint(
    caller=public(),
    needs=password,
    body=ResetPasswordBody,
    returns={202: KnownDeviceView},
    errors=(SingleUseTokenInvalid, WeakPassword),
    limits=(REDEEM_PER_ADDRESS,),
)
def handler(request: Request[ResetPasswordBody], flow: Password) -> Response:
    """Choose a new password with an emailed link.

    Every session ends and none starts. The email address counts as confirmed, and it gets an email
    about the change. This device becomes a known device, so other people's wrong passwords do not
    lock it out.
    """
    body = request.body
    context = request.context.from_device(body.device_id)
    device_id = flow.reset(body.token, body.new_password, context)
    response = ok(
        KnownDeviceView(device_id=device_id),
        status=202,
        message="The password is changed. Sign in with it.",
    )
    return set_device_id(response, device_id)

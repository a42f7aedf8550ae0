"""POST /api/v1/auth/restore: restore one's own deleted account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import SingleUseTokenInvalid
from latchkey.domain.limits import REDEEM_PER_ADDRESS
from latchkey.http import Request, Response, endpoint, ok, public
from latchkey.http.bodies.auth import TokenBody
from latchkey.wiring.links import self_restore

if TYPE_CHECKING:
    from latchkey.flows.self_restore import SelfRestore


@endpoint(
    caller=public(),
    needs=self_restore,
    body=TokenBody,
    errors=(SingleUseTokenInvalid,),
    limits=(REDEEM_PER_ADDRESS,),
)
def handler(request: Request[TokenBody], flow: SelfRestore) -> Response:
    """Restore your deleted account with the link of the email about its deletion.

    Emails have this link if the deployment enables `SelfServiceRestore`. No session starts. Only an
    administrator can restore an account that an administrator deleted.
    """
    flow.restore(request.body.token, request.context)
    return ok(message="Your account is restored. Sign in to it.")

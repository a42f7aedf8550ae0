"""POST /api/v1/auth/restore: take one's own deleted account back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.bootstrap import self_restore
from latchkey.domain.errors import SingleUseTokenInvalid
from latchkey.domain.limits import REDEEM_PER_ADDRESS
from latchkey.http.auth import public
from latchkey.http.bodies.auth import TokenBody
from latchkey.http.endpoint import endpoint
from latchkey.http.response import ok

if TYPE_CHECKING:
    from latchkey.flows.self_restore import SelfRestore
    from latchkey.http.request import Request
    from latchkey.http.response import Response


@endpoint(
    caller=public(),
    needs=self_restore,
    body=TokenBody,
    errors=(SingleUseTokenInvalid,),
    limits=(REDEEM_PER_ADDRESS,),
)
def handler(request: Request[TokenBody], flow: SelfRestore) -> Response:
    """Take your deleted account back, with the link of the mail that told of its deletion.

    The deployment offers it (`SelfServiceRestore`), or there is no such link. Nobody is signed in
    by it. An account that an administrator has deleted is an administrator's to restore.
    """
    flow.restore(request.body.token, request.context)
    return ok(message="Your account is restored; sign in to it.")

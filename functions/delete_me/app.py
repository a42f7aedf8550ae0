"""DELETE /api/v1/users/me: leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.bootstrap import life_cycle
from latchkey.domain.errors import (
    AccountNotFound,
    ErasureStarted,
    LastAdministrator,
    ReauthenticationRequired,
)
from latchkey.http.auth import signed_in
from latchkey.http.endpoint import endpoint
from latchkey.http.parameters import HARD
from latchkey.http.views.life_cycle import DeletionView, deleted

if TYPE_CHECKING:
    from latchkey.flows.life_cycle import LifeCycle
    from latchkey.http.request import Request
    from latchkey.http.response import Response


@endpoint(
    caller=signed_in(),
    needs=life_cycle,
    query={"hard": HARD},
    returns=DeletionView,
    errors=(AccountNotFound, ErasureStarted, LastAdministrator, ReauthenticationRequired),
)
def handler(request: Request[None], flow: LifeCycle) -> Response:
    """Delete your account.

    Every device is signed out before the answer leaves, and signing in is refused from then on.
    Until `purge_at` an administrator can restore the account, and nobody else can register its
    address; then everything is erased, and a signed receipt is mailed. With `hard=true` it is
    erased at once: authenticate again within the five minutes before.
    """
    hard = request.query["hard"]
    account_id = request.caller.account_id
    ordered = flow.delete(account_id, request.caller, request.context, hard=hard)
    return deleted(ordered, own=True)

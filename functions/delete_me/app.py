"""DELETE /api/v1/users/me: delete the caller's account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound, ErasureStarted, LastAdministrator
from latchkey.http import Request, Response, endpoint, signed_in
from latchkey.http.cookies import clear_refresh_token
from latchkey.http.queries import DeletionQuery
from latchkey.http.views.life_cycle import DeletionView, deleted
from latchkey.wiring.users import life_cycle

if TYPE_CHECKING:
    from latchkey.flows.life_cycle import LifeCycle


@endpoint(
    caller=signed_in(recently=True),
    needs=life_cycle,
    query=DeletionQuery,
    returns=DeletionView,
    errors=(AccountNotFound, ErasureStarted, LastAdministrator),
)
def handler(request: Request[None, DeletionQuery], flow: LifeCycle) -> Response:
    """Delete your account.

    Every device is signed out before the response, and sign-in is refused afterwards. The account
    can be restored until `purge_at`. Until then nobody else can register its email address. Then
    everything is erased, and a signed receipt is emailed. With `hard=true` the erasure starts at
    once. Requires authentication within the last five minutes.
    """
    hard = request.query.hard
    account_id = request.caller.account_id
    dates = flow.delete(account_id, request.caller, request.context, hard=hard)
    return clear_refresh_token(deleted(dates))

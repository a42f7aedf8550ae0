"""DELETE /api/v1/users/{user_id}: delete an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import ErasureStarted, LastAdministrator
from latchkey.http import Request, Response, endpoint, self_or_admin
from latchkey.http.cookies import clear_refresh_token
from latchkey.http.queries import UserDeletionQuery
from latchkey.http.views.life_cycle import DeletionView, deleted
from latchkey.wiring.users import life_cycle

if TYPE_CHECKING:
    from latchkey.flows.life_cycle import LifeCycle


@endpoint(
    caller=self_or_admin("user_id", recently=True),
    needs=life_cycle,
    query=UserDeletionQuery,
    reason=True,
    returns=DeletionView,
    errors=(ErasureStarted, LastAdministrator),
)
def handler(request: Request[None, UserDeletionQuery], flow: LifeCycle) -> Response:
    """Delete an account, as `DELETE /users/me` does. Its owner gets an email.

    Deleting an account twice changes nothing, unless `hard=true` starts its erasure.
    """
    hard = request.query.hard
    dates = flow.delete(request.account_id, request.caller, request.context, hard=hard)
    own = request.account_id == request.caller.account_id
    return clear_refresh_token(deleted(dates)) if own else deleted(dates)

"""POST /api/v1/users/{user_id}/restore: restore a deleted account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import ErasureStarted
from latchkey.http import Request, Response, admin, endpoint, ok
from latchkey.http.bodies.administration import ReasonBody
from latchkey.http.views.life_cycle import AccountStatusView
from latchkey.wiring.users import life_cycle

if TYPE_CHECKING:
    from latchkey.flows.life_cycle import LifeCycle


@endpoint(
    caller=admin(owner="user_id", recently=True),
    needs=life_cycle,
    body=ReasonBody,
    reason=True,
    returns=AccountStatusView,
    errors=(ErasureStarted,),
)
def handler(request: Request[ReasonBody], flow: LifeCycle) -> Response:
    """Restore a deleted account. Its owner has to sign in again.

    This works until the erasure begins. Then the response is 409 `ERASURE_STARTED`, and 404 after
    it. An account that is not deleted stays unchanged.
    """
    account = flow.restore(request.account_id, request.caller, request.context)
    return ok(AccountStatusView.of(account))

"""POST /api/v1/users/{user_id}/unsuspend: end a suspension."""

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
    """End a suspension. The owner has to sign in again. Doing it twice changes nothing."""
    account = flow.unsuspend(request.account_id, request.caller, request.context)
    return ok(AccountStatusView.of(account))

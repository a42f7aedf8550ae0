"""PUT /api/v1/users/{user_id}/role: change the role of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import ErasureStarted, LastAdministrator
from latchkey.http import Request, Response, admin, endpoint, ok
from latchkey.http.bodies.administration import RoleBody
from latchkey.http.views.life_cycle import AccountStatusView
from latchkey.wiring.sessions import administration

if TYPE_CHECKING:
    from latchkey.flows.administration import Administration


@endpoint(
    caller=admin(owner="user_id", recently=True),
    needs=administration,
    body=RoleBody,
    reason=True,
    returns=AccountStatusView,
    errors=(ErasureStarted, LastAdministrator),
)
def handler(request: Request[RoleBody], flow: Administration) -> Response:
    """Change the role of an account from its next request. The last administrator keeps theirs."""
    account = flow.change_role(
        request.account_id, request.body.value, request.caller, request.context
    )
    return ok(AccountStatusView.of(account))

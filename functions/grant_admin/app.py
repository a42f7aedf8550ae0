"""Makes an account an administrator. Not routed: IAM's lambda:InvokeFunction authorizes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.bootstrap import administration, services
from latchkey.domain.ids import new_id
from latchkey.domain.request import RequestContext
from latchkey.observability import logger

if TYPE_CHECKING:
    from latchkey.http.request import Event


def handler(event: Event, lambda_context: Any = None) -> dict[str, str]:
    """Take `{"email": "ada@example.com"}`. The account must be active.

    Raises AccountNotFound.
    """
    del lambda_context
    now = services().clock.now()
    context = RequestContext(request_id=new_id("job", now), now=now, ip_address="")
    account = administration().grant_admin(str(event["email"]), context)
    logger.info("administrator made", operation="grant_admin", account_id=account.id)
    return {"id": account.id, "role": account.role.value}

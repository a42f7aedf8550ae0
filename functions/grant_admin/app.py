"""Makes an account an administrator. Not routed: IAM's lambda:InvokeFunction authorizes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.ids import new_id
from latchkey.domain.request import RequestContext
from latchkey.events.handlers import event_handler
from latchkey.observability import logger
from latchkey.wiring.sessions import administration
from latchkey.wiring.storage import clock

if TYPE_CHECKING:
    from latchkey.domain.clock import Clock
    from latchkey.events import Event
    from latchkey.flows.administration import Administration


@event_handler(needs=(administration, clock))
def handler(event: Event, flow: Administration, clock: Clock) -> dict[str, str]:
    """Take `{"email": "ada@example.com"}`. The account must be active.

    Raises AccountNotFound.
    """
    now = clock.now()
    context = RequestContext(request_id=new_id("job", now), now=now, ip_address="")
    account = flow.grant_admin(str(event["email"]), context)
    logger.info("administrator made", operation="grant_admin", account_id=account.id)
    return {"id": account.id, "role": account.role.value}

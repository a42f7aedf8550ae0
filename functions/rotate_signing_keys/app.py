"""Creates signing keys and peppers at deployment, and rotates them on a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.events.custom_resource import custom_resource
from latchkey.events.handlers import event_handler
from latchkey.observability import logger
from latchkey.wiring.storage import clock
from latchkey.wiring.tokens import signing_keys

if TYPE_CHECKING:
    from latchkey.domain.clock import Clock
    from latchkey.events import Event
    from latchkey.flows.signing_keys import SigningKeys


@custom_resource
@event_handler(needs=(signing_keys, clock))
def handler(event: Event, flow: SigningKeys, clock: Clock) -> dict[str, Any]:
    """Handle a CloudFormation custom resource, a schedule, or a manual invocation.

    By hand, `{"force": true}` adds a signing key early, and `{"task": "rotate_pepper"}` adds a
    pepper of each kind. With `"drop": true` the old peppers are removed at once, which ends every
    session and every emailed link.
    """
    now = clock.now()
    if event.get("task") == "rotate_pepper":
        return flow.rotate_peppers(now, drop=event.get("drop") is True)
    if event.get("RequestType") in {"Create", "Update"}:
        key_ring = flow.ensure(now)
    elif event.get("RequestType") == "Delete":
        return {}
    else:
        key_ring = flow.rotate(now, force=event.get("force") is True)
    kids = [key.kid for key in key_ring.keys]
    logger.info("signing keys", kids=kids)
    return {"kids": kids}

"""Creates the signing keys when the stack is deployed, and rotates them on a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.bootstrap import services, signing_keys
from latchkey.http.custom_resource import answering
from latchkey.observability import logger

if TYPE_CHECKING:
    from latchkey.http.request import Event


@answering
def handler(event: Event, lambda_context: Any = None) -> dict[str, Any]:
    """Run for CloudFormation (a custom resource), for the schedule, or by hand.

    By hand, `{"force": true}` adds a key before the newest one is due to be replaced.
    """
    del lambda_context
    now = services().clock.now()
    if event.get("RequestType") in {"Create", "Update"}:
        ring = signing_keys().ensure(now)
    elif event.get("RequestType") == "Delete":
        return {}
    else:
        ring = signing_keys().rotate(now, force=event.get("force") is True)
    kids = [key.kid for key in ring.keys]
    logger.info("signing keys", kids=kids)
    return {"kids": kids}

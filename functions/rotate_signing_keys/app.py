"""Creates signing keys and peppers when the stack is deployed, and rotates them on a schedule."""

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

    By hand, `{"force": true}` adds a signing key before the newest one is due to be replaced,
    `{"task": "rotate_pepper"}` a pepper of each kind. With `"drop": true` the old peppers are
    dropped at once: every session and every link that was mailed ends.
    """
    del lambda_context
    now = services().clock.now()
    if event.get("task") == "rotate_pepper":
        return signing_keys().rotate_peppers(now, drop=event.get("drop") is True)
    if event.get("RequestType") in {"Create", "Update"}:
        ring = signing_keys().ensure(now)
    elif event.get("RequestType") == "Delete":
        return {}
    else:
        ring = signing_keys().rotate(now, force=event.get("force") is True)
    kids = [key.kid for key in ring.keys]
    logger.info("signing keys", kids=kids)
    return {"kids": kids}

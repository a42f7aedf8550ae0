"""Creates signing keys and peppers at deployment, and rotates them on a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.bootstrap import services, signing_keys
from latchkey.http.custom_resource import answering
from latchkey.observability import logger

if TYPE_CHECKING:
    from latchkey.http.request import Event


@answering
def handler(event: Event, lambda_context: Any = None) -> dict[str, Any]:
    """Handle a CloudFormation custom resource, a schedule, or a manual invocation.

    By hand, `{"force": true}` adds a signing key early, and `{"task": "rotate_pepper"}` adds a
    pepper of each kind. With `"drop": true` the old peppers are removed at once, which ends every
    session and every emailed link.
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

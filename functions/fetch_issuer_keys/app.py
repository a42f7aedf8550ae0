"""Fetches the public keys of trusted issuers, which the authorizer verifies their tokens with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.domain.issuers import InvalidIssuers
from latchkey.events.custom_resource import RejectedError, custom_resource
from latchkey.events.handlers import event_handler
from latchkey.wiring.issuers import issuer_key_fetching
from latchkey.wiring.storage import clock

if TYPE_CHECKING:
    from latchkey.domain.clock import Clock
    from latchkey.events import Event
    from latchkey.flows.issuer_keys import IssuerKeyFetching


@custom_resource
@event_handler(needs=(issuer_key_fetching, clock))
def handler(event: Event, flow: IssuerKeyFetching, clock: Clock) -> dict[str, Any]:
    """Handle a CloudFormation custom resource, a schedule, or a request of the authorizer.

    The authorizer names one issuer: `{"issuer": "https://…"}`.
    """
    now = clock.now()
    if event.get("RequestType") == "Delete":
        return {}
    if event.get("RequestType") in {"Create", "Update"}:
        try:
            return flow.deploy(now)
        except InvalidIssuers as error:
            raise RejectedError(str(error)) from error
    if "issuer" in event:
        return flow.fetch_one(str(event["issuer"]), now)
    return flow.run(now)

"""CloudFormation's custom resources: CloudFormation waits up to an hour for a PUT to a URL.

Source: AWS CloudFormation User Guide, "Custom resource request and response objects".
"""

from __future__ import annotations

import json
import urllib.request
from functools import wraps
from typing import TYPE_CHECKING, Any

from latchkey.observability import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from latchkey.events import Event

_TIMEOUT_SECONDS = 5


class RejectedError(Exception):
    """The properties of the resource are wrong. CloudFormation shows the text to the deployer."""


def custom_resource(
    function: Callable[..., dict[str, Any]],
) -> Callable[..., dict[str, Any]]:
    """Make a handler serve a custom resource of CloudFormation too, and report every result."""

    @wraps(function)
    def handler(event: Event, lambda_context: Any = None) -> dict[str, Any]:
        if "ResponseURL" not in event:
            return function(event, lambda_context)
        try:
            data = function(event, lambda_context)
        except RejectedError as error:
            logger.warning("custom resource rejected", reason=str(error))
            _report(event, "FAILED", {}, reason=str(error))
            return {}
        except Exception as error:  # noqa: BLE001 - else CloudFormation waits for its timeout
            logger.exception("custom resource failed")
            _report(event, "FAILED", {}, reason=type(error).__name__)
            return {}
        _report(event, "SUCCESS", data)
        return data

    return handler


def _report(event: Event, status: str, data: dict[str, Any], *, reason: str = "") -> None:
    body = {
        "Status": status,
        "Reason": reason,
        "PhysicalResourceId": event.get("PhysicalResourceId") or event["LogicalResourceId"],
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": {name: json.dumps(value) for name, value in data.items()},
    }
    request = urllib.request.Request(  # noqa: S310 - CloudFormation's own presigned URL
        event["ResponseURL"], data=json.dumps(body).encode(), method="PUT"
    )
    urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS).close()  # noqa: S310 - as above

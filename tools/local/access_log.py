"""Writes the access log of API Gateway, which MiniStack lacks.

The edge records the responses of the API in the template's format. Requests that bypass the edge
are not in it.
"""

from __future__ import annotations

import contextlib
import queue
import re
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

from tools.intrinsics import Resolver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

    from tools.local.deployment import Deployment
    from tools.local.emulator import Emulator

STREAM = "api"
FLUSH_SECONDS = 0.5
BATCH = 500
REQUEST_ID = "X-Request-Id"
"""The response header with the id of a request. Only functions set it."""
GATEWAY_REQUEST_ID = "Apigw-Requestid"
_ERRORS = {404: "ROUTE_NOT_FOUND", 413: "REQUEST_TOO_LARGE"}


class AccessLog:
    """Writes a line for each response into the template's log group."""

    def __init__(self, emulator: Emulator, deployment: Deployment) -> None:
        """Create the stream, and send everything to the subscriber of the group."""
        settings = deployment.template["Resources"]["ApiApiGatewayDefaultStage"]["Properties"]
        resolver = Resolver(deployment.parameters, template=deployment.template)
        self._format = resolver.resolve(settings["AccessLogSettings"]["Format"])
        self._logs = emulator.client("logs")
        self._group = deployment.physical_ids["AccessLogGroup"]
        self._lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._logs.create_log_stream(logGroupName=self._group, logStreamName=STREAM)
        # MiniStack does not support JSON patterns. The subscriber filters again.
        found = self._logs.describe_subscription_filters(logGroupName=self._group)
        for known in found["subscriptionFilters"]:
            self._logs.put_subscription_filter(
                logGroupName=self._group,
                filterName=known["filterName"],
                filterPattern="",
                destinationArn=known["destinationArn"],
            )

    def note(self, answer: web.Response, milliseconds: float) -> None:
        """Record a response, and add the id that API Gateway adds."""
        by_function = REQUEST_ID in answer.headers
        request_id = answer.headers[REQUEST_ID] if by_function else str(uuid.uuid4())
        answer.headers[GATEWAY_REQUEST_ID] = request_id
        context = {
            "requestId": request_id,
            "status": answer.status,
            "integration.status": answer.status if by_function else "-",
            "error.responseType": "-" if by_function else _ERRORS.get(answer.status, "-"),
            "responseLatency": round(milliseconds),
            "identity.sourceIp": "127.0.0.1",  # the edge is the peer
        }
        line = re.sub(
            r"\$context\.([A-Za-z.]+)", lambda found: str(context.get(found[1], "-")), self._format
        )
        self._lines.put({"timestamp": int(time.time() * 1000), "message": line})

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Write the recorded lines in a thread, so that no response waits."""
        stop = threading.Event()
        thread = threading.Thread(target=self._write, args=(stop,), name="access-log", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _write(self, stop: threading.Event) -> None:
        while not stop.wait(FLUSH_SECONDS):
            lines: list[dict[str, Any]] = []
            while len(lines) < BATCH and not self._lines.empty():
                lines.append(self._lines.get())
            if lines:
                self._logs.put_log_events(
                    logGroupName=self._group, logStreamName=STREAM, logEvents=lines
                )

"""The access log that API Gateway writes and MiniStack does not.

The edge notes here what the API has answered, in the template's own format. What went around the
edge, straight to the emulator, is not in it.
"""

from __future__ import annotations

import contextlib
import queue
import re
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

    from tools.local.deployment import Deployment
    from tools.local.emulator import Emulator

STREAM = "api"
FLUSH_SECONDS = 0.5
BATCH = 500
REQUEST_ID = "X-Request-Id"
"""The header in which a function says its request's id: who has it was answered by a function."""
GATEWAY_REQUEST_ID = "Apigw-Requestid"
_ERRORS = {404: "ROUTE_NOT_FOUND", 413: "REQUEST_TOO_LARGE"}


class AccessLog:
    """Puts a line for each answer into the log group that the template names."""

    def __init__(self, emulator: Emulator, deployment: Deployment) -> None:
        """Create the stream, and let the group's subscriber have everything."""
        settings = deployment.template["Resources"]["ApiApiGatewayDefaultStage"]["Properties"]
        self._format = settings["AccessLogSettings"]["Format"]
        self._logs = emulator.client("logs")
        self._group = deployment.physical_ids["AccessLogGroup"]
        self._lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._logs.create_log_stream(logGroupName=self._group, logStreamName=STREAM)
        # MiniStack knows no patterns over JSON. The subscriber looks again in any case.
        found = self._logs.describe_subscription_filters(logGroupName=self._group)
        for known in found["subscriptionFilters"]:
            self._logs.put_subscription_filter(
                logGroupName=self._group,
                filterName=known["filterName"],
                filterPattern="",
                destinationArn=known["destinationArn"],
            )

    def note(self, answer: web.Response, milliseconds: float) -> None:
        """Note an answer; give it the id that API Gateway gives to every one."""
        by_function = REQUEST_ID in answer.headers
        request_id = answer.headers[REQUEST_ID] if by_function else str(uuid.uuid4())
        answer.headers[GATEWAY_REQUEST_ID] = request_id
        context = {
            "requestId": request_id,
            "status": answer.status,
            "integration.status": answer.status if by_function else "-",
            "error.responseType": "-" if by_function else _ERRORS.get(answer.status, "-"),
            "responseLatency": round(milliseconds),
        }
        line = re.sub(
            r"\$context\.([A-Za-z.]+)", lambda found: str(context.get(found[1], "-")), self._format
        )
        self._lines.put({"timestamp": int(time.time() * 1000), "message": line})

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Write what is noted, from a thread: no answer waits for it."""
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

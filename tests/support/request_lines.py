"""Log lines of requests, as functions and API Gateway write them, and their delivery."""

from __future__ import annotations

import base64
import json
import random
import re
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from latchkey.domain.clock import to_milliseconds
from latchkey.domain.ids import compose_id
from tests.support.audit import log_event
from tools.intrinsics import Resolver
from tools.template import load

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tests.support.service import InProcessService

type Line = dict[str, Any]


def request_line(request_id: str, at: datetime, **fields: Any) -> Line:
    """Return the line of a successful request of nobody, with other fields."""
    return {
        "message": "audited request",
        "at": to_milliseconds(at),
        "operation": "get_me",
        "request_id": request_id,
        "status": 200,
        "outcome": "OK",
        **fields,
    }


class Traffic:
    """Lines of known people with ids like those of AWS, from a seed."""

    def __init__(self, people: int, started_at: datetime, *, seed: int = 7) -> None:
        self.chance = random.Random(seed)
        # Registered in the last year, signed in in the last month: the times are half of an id.
        self.subjects = [self._id("sub", started_at, 365) for _ in range(people)]
        self._sessions = {subject: self._id("ses", started_at, 30) for subject in self.subjects}

    def line(self, at: datetime, **fields: Any) -> Line:
        """Return the line of a read of one of them."""
        subject = self.chance.choice(self.subjects)
        origin = b"\x01" + self.chance.randbytes(28 + len('["203.0.113.77","Chrome on Windows"]'))
        return request_line(
            base64.b64encode(self.chance.randbytes(11)).decode(),
            at,
            **{
                "operation": self.chance.choice(("get_me", "list_sessions", "list_activity")),
                "subject": subject,
                "session_id": self._sessions[subject],
                "origin": base64.b64encode(origin).decode(),
                **fields,
            },
        )

    def _id(self, prefix: str, until: datetime, days: int) -> str:
        at = until - timedelta(days=days * self.chance.random())
        return compose_id(prefix, at, self.chance.randbytes(10))


def deliver(service: InProcessService, lines: Iterable[Line]) -> int:
    """Deliver lines in one batch. Returns the number of new items."""
    result = service._handler("record_requests")(log_event(map(json.dumps, lines)), None)
    recorded: int = result["recorded"]
    return recorded


def gateway_line(
    status: object,
    *,
    function_status: object = "-",
    error: str = "-",
    route: str = "-",
    request_id: str = "",
    peer: str = "-",
    direct_access: str = "refused",
) -> str:
    """Return a line of API Gateway's access log, in the template's own format.

    peer           the address that API Gateway sees
    direct_access  the parameter DirectAccess
    """
    context = {
        "requestId": request_id or f"gateway-{status}-{function_status}",
        "routeKey": route,
        "status": str(status),
        "integration.status": str(function_status),
        "error.responseType": error,
        "identity.sourceIp": peer,
    }
    return re.sub(
        r"\$context\.([A-Za-z.]+)",
        lambda found: context.get(found[1], "-"),
        _access_log_format(direct_access),
    )


@cache
def _access_log_format(direct_access: str) -> str:
    settings = load()["Resources"]["Api"]["Properties"]["AccessLogSettings"]
    text: str = Resolver({"DirectAccess": direct_access}).resolve(settings["Format"])
    return text

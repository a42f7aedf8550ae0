"""A DynamoDB that answers from a script, for what neither moto nor the emulator ever answers.

`ScriptedClient` stands in for `aws.Client`: the engine's own retry loops. `ScriptedWire`
stands in for the network under a real botocore client: its retries, and what BotoClient makes of
the outcome.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from latchkey.storage.aws import AwsError
from latchkey.storage.dynamodb import DynamoDBTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from latchkey.storage.aws import Wire

type Step = Wire | Exception | Callable[[Wire], Wire]
"""One answer: a body, an exception, or a function of the request that returns a body or raises."""

TABLE_NAMES: Any = {"main": "main", "audit": "audit"}


class ScriptedClient:
    """Gives one step of the script for each call; more calls than steps are a failure."""

    def __init__(self, *steps: Step) -> None:
        """Answer with these, in order."""
        self._steps = list(steps)
        self.calls: list[tuple[str, Wire]] = []
        self.pauses: list[float] = []

    def call(self, operation: str, request: Wire) -> Wire:
        """See aws.Client.call."""
        self.calls.append((operation, copy.deepcopy(request)))
        assert self._steps, f"call {len(self.calls)} ({operation}) is not in the script"
        step = self._steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step(request) if callable(step) else step

    def table(self) -> DynamoDBTable:
        """Make a table on this client, whose pauses are recorded and not waited."""
        return DynamoDBTable(self, TABLE_NAMES, sleep=self.pauses.append)

    def requests(self) -> list[Wire]:
        """Return every request so far; asserts that the script has been played to its end."""
        assert not self._steps, f"{len(self._steps)} steps were not asked for"
        return [request for _, request in self.calls]


def cancelled(*codes: str, item: Wire | None = None) -> AwsError:
    """Make the answer to a cancelled transaction: one code for each write, "None" for none.

    item  what the first failed condition met
    """
    reasons: list[Wire] = []
    for code in codes:
        reason: Wire = {"Code": code}
        if code == "ConditionalCheckFailed" and item is not None:
            reason["Item"] = item
        reasons.append(reason)
    return AwsError("TransactionCanceledException", {"CancellationReasons": reasons})


def condition_failed(item: Wire | None = None) -> AwsError:
    """Make the answer to a write whose condition did not hold, with the item that it met."""
    return AwsError("ConditionalCheckFailedException", {} if item is None else {"Item": item})


class ScriptedWire:
    """Answers a botocore client's HTTP requests: a status with a body, or an exception."""

    def __init__(self, client: Any, *answers: tuple[int, Any] | Exception) -> None:
        """Take the place of the network under this client."""
        self._answers = list(answers)
        self.bodies: list[Wire] = []
        service = client.meta.service_model.service_name
        client.meta.events.register(f"before-send.{service}", self._answer)

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        self.bodies.append(json.loads(request.body))
        assert self._answers, f"attempt {len(self.bodies)} is not in the script"
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        if callable(body):
            body = body(self.bodies[-1])
        text = body if isinstance(body, str) else json.dumps(body)
        return AWSResponse(request.url, status, HTTPHeaders(), _Raw(text.encode()))


def error_body(code: str, **members: Any) -> Wire:
    """Make an error answer's body as DynamoDB sends it."""
    return {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", **members}


class _Raw:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> list[bytes]:
        return [self._content]

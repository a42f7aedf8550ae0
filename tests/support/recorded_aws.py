"""AWS from recorded answers, behind botocore's own clients: what is sent and answered is valid."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
from botocore.validate import ParamValidator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

type Answer = Mapping[str, Any] | Refusal | Callable[[dict[str, Any]], Any]


class Refusal:
    """An error answer."""

    def __init__(self, code: str, message: str = "") -> None:
        """Refuse with this code."""
        self.code, self.message = code, message


class RecordedAws:
    """Answers each operation, such as `sesv2.GetAccount`, as it is told to, and notes the call."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        """Know these answers; any other operation fails the test."""
        self.answers = dict(answers)
        self.calls: list[tuple[str, str, dict[str, Any]]] = []

    def client(self, service: str, region_name: str | None = None, **_: Any) -> Any:
        """Make a client of botocore's that never reaches a network."""
        make: Any = boto3.client
        client = make(
            service,
            region_name=region_name or "eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        made = service

        def answer(model: Any, params: dict[str, Any], **_: Any) -> Any:
            return self._answer(made, model, params)

        def note(params: dict[str, Any], model: Any, **_: Any) -> None:
            self.calls.append((f"{made}.{model.name}", client.meta.region_name, dict(params)))

        client.meta.events.register("before-parameter-build", note)
        client.meta.events.register("before-call", answer)
        return client

    def names(self) -> list[str]:
        """Name the operations that were called, in their order."""
        return [name for name, _, _ in self.calls]

    def _answer(self, service: str, model: Any, _request: dict[str, Any]) -> Any:
        name = f"{service}.{model.name}"
        assert name in self.answers, f"no recorded answer for {name}"
        response: Any = self.answers[name]
        if callable(response):
            response = response(self.calls[-1][2])
        if isinstance(response, Refusal):
            error = {"Code": response.code, "Message": response.message}
            parsed: dict[str, Any] = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}
            return SimpleNamespace(status_code=400), parsed
        if model.output_shape is not None:
            problems = ParamValidator().validate(dict(response), model.output_shape)
            assert not problems.has_errors(), problems.generate_report()
        return (
            SimpleNamespace(status_code=200),
            {**response, "ResponseMetadata": {"HTTPStatusCode": 200}},
        )

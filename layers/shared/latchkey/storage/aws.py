"""The port of the clients of AWS: one request, one answer, one error."""

from __future__ import annotations

from typing import Any, Protocol

type Wire = dict[str, Any]
"""A request or an answer of AWS, as in its JSON. Binary values are bytes or base 64."""


class AwsError(Exception):
    """An error response of AWS: its code and body."""

    def __init__(self, code: str, body: Wire) -> None:
        """Store both."""
        super().__init__(code)
        self.code = code
        self.body = body


class Client(Protocol):
    """The interface of a client of one service."""

    def call(self, operation: str, request: Wire) -> Wire:
        """Send one request. Transient errors are retried.

        Raises AwsError for an error response, TemporarilyUnavailable without one or when throttled.
        """
        ...

"""One call of the API as data, and how its response is read. No input or output happens here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from latchkey_client.errors import LatchkeyError, read_error

_SUCCESS_END = 300


@dataclass(frozen=True, slots=True)
class Call:
    """One call. What is UNSET is not sent.

    result      the model of the response; None: it has no data
    authorized  whether it needs the access token
    bare        the model is the whole body, for documents of standards
    """

    method: str
    path: str
    result: Any
    authorized: bool
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    bare: bool = False

    @property
    def safe(self) -> bool:
        """Whether the call may be repeated without harm."""
        return self.method == "GET"

    def arguments(self, access_token: str | None) -> dict[str, Any]:
        """Return the arguments of a request of httpx2."""
        headers = {name: str(value) for name, value in _given(self.headers).items()}
        headers["accept"] = "application/json"
        if self.authorized and access_token is not None:
            headers["authorization"] = f"Bearer {access_token}"
        arguments: dict[str, Any] = {
            "method": self.method,
            "url": self.path,
            "params": {name: _text(value) for name, value in _given(self.query).items()},
            "headers": headers,
        }
        if self.body is not None:
            headers["content-type"] = "application/json"
            arguments["content"] = msgspec.json.encode(_given(self.body))
        return arguments

    def read(self, status: int, content: bytes, retry_after: str | None = None) -> Any:
        """Return the data of a response. Raises ApiError."""
        try:
            document = msgspec.json.decode(content) if content else None
        except msgspec.DecodeError:
            document = None
        if status >= _SUCCESS_END:
            raise read_error(status, document, retry_after)
        data = document if self.bare else (document or {}).get("data")
        if data is None or self.result is None:
            return None
        try:
            return msgspec.convert(data, self.result)
        except msgspec.ValidationError as error:
            raise LatchkeyError(f"The response of {self.path} is not as documented.") from error


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not msgspec.UNSET}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)

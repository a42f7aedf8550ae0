"""Errors of the API. `latchkey_client.generated.errors` has a class for each code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Detail:
    """One problem of a request: the field, a stable code, and a text for people."""

    field: str
    code: str
    message: str


class LatchkeyError(Exception):
    """Every error of this package."""


class ApiError(LatchkeyError):
    """The API answered with an error.

    code        stable, for programs; the class of the error is by code
    status      the HTTP status
    message     for people; it may change
    request_id  quote it when you report a problem
    retry_after seconds to wait, for 429 and 503
    """

    code: str = ""

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int,
        request_id: str = "",
        details: tuple[Detail, ...] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code or self.code
        self.status = status
        self.message = message
        self.request_id = request_id
        self.details = details
        self.retry_after = retry_after


def read_error(status: int, body: Any, retry_after: str | None) -> ApiError:
    """Return the error of a response. A body that is not the API's gives a plain ApiError."""
    from latchkey_client.generated.errors import BY_CODE  # noqa: PLC0415 - it imports this module

    wait = int(retry_after) if retry_after and retry_after.isdigit() else None
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        return ApiError(f"HTTP {status}", status=status, retry_after=wait)
    details = tuple(
        Detail(str(each.get("field")), str(each.get("code")), str(each.get("message")))
        for each in error.get("details") or ()
    )
    return BY_CODE.get(error["code"], ApiError)(
        str(error.get("message", "")),
        code=error["code"],
        status=status,
        request_id=str(error.get("request_id", "")),
        details=details,
        retry_after=wait,
    )

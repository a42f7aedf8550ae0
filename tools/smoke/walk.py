"""A run of smoke: requests from outside, and a line for each check."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REQUEST_TIMEOUT_SECONDS = 35
"""API Gateway's timeout is 30 seconds."""

NOT_READY = frozenset({502, 503, 504})
"""Statuses to retry: a cold start, or throttled storage."""

TRIES = 4


class Result(StrEnum):
    """The result of a check."""

    PASS = "PASS"  # noqa: S105 - a word, not a secret
    FAIL = "FAIL"
    SKIPPED = "SKIPPED"


class Failed(Exception):
    """The stack does not behave as documented. The message says how."""


class Skipped(Exception):
    """The check is not possible here. The message says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """One check's outcome."""

    name: str
    result: Result
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a run.

    api_url      the API without the CDN, to check that it is closed
    email        of an account to use, or to register
    mail_token   the token in the mail that confirms the address
    register     register an account, and erase it at the end
    export       request an export too
    release      the stack's parameter of that name
    published    the release of each function that answers through an alias
    """

    api_url: str = ""
    email: str = ""
    password: str = ""
    mail_token: str = ""
    register: bool = False
    export: bool = False
    release: str = ""
    published: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Walk:
    """A run: its requests and its lines."""

    base_url: str
    options: Options
    client: httpx.Client
    say: Callable[[str], object] = print
    pause: Callable[[float], None] = time.sleep
    lines: list[Line] = field(default_factory=list)
    has_cdn: bool = False
    milliseconds: float = 0.0
    """The duration of the last request."""

    @property
    def is_local(self) -> bool:
        """Return whether this is a local stack, which has neither TLS nor a CDN."""
        return self.base_url.startswith("http://")

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request. Retries if the response asks for it.

        Raises Failed without a response.
        """
        token = options.pop("token", None)
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        url = path if path.startswith("http") else f"{self.base_url}{path}"
        answer = None
        for attempt in range(TRIES):
            started = time.perf_counter()
            try:
                answer = self.client.request(method, url, headers=headers, **options)
            except httpx.HTTPError as error:
                raise Failed(f"{method} {url}: {type(error).__name__}: {error}") from error
            finally:
                # A check sends cookies explicitly.
                self.client.cookies.clear()
                self.milliseconds = (time.perf_counter() - started) * 1000
            if answer.status_code not in NOT_READY:
                break
            self.pause(_wait(answer, attempt))
        assert answer is not None  # noqa: S101 - there is at least one try
        self.has_cdn = (
            self.has_cdn or "x-cache" in answer.headers or "x-amz-cf-id" in answer.headers
        )
        return answer

    def check(self, name: str, does: Callable[[Walk], str | None]) -> bool:
        """Run one check and print its line. Returns whether it passed."""
        try:
            message = does(self) or ""
            line = Line(name, Result.PASS, message)
        except Skipped as skipped:
            line = Line(name, Result.SKIPPED, str(skipped))
        except Failed as failed:
            line = Line(name, Result.FAIL, str(failed))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            # The response does not follow the contract.
            line = Line(name, Result.FAIL, f"an unexpected answer: {type(error).__name__}: {error}")
        self.lines.append(line)
        self.say(f"{line.result:8} {line.name}{': ' if line.message else ''}{line.message}")
        return line.result is Result.PASS

    def skip(self, names: Mapping[str, Any], why: str) -> None:
        """Print a line for each skipped check."""

        def not_made(_walk: Walk) -> None:
            raise Skipped(why)

        for name in names:
            self.check(name, not_made)


def expect(condition: object, otherwise: str) -> None:
    """Raise Failed unless a condition holds."""
    if not condition:
        raise Failed(otherwise)


def expect_status(answer: httpx.Response, *expected: int) -> None:
    """Raise Failed unless the status is one of these."""
    if answer.status_code not in expected:
        request = answer.request
        statuses = " or ".join(map(str, expected))
        raise Failed(
            f"{request.method} {request.url.path} answers {answer.status_code} "
            f"{error_code(answer) or ''}, not {statuses}".replace(" ,", ",")
        )


def expect_error(answer: httpx.Response, status: int, code: str) -> None:
    """Raise Failed unless the response is this error in the envelope."""
    expect_status(answer, status)
    found = error_code(answer)
    expect(found == code, f"{answer.request.url.path} answers {found or 'no envelope'}, not {code}")
    expect(answer.json()["error"].get("request_id"), "the error has no request_id")


def error_code(answer: httpx.Response) -> str | None:
    """Return the envelope's error code, or None."""
    try:
        code = answer.json()["error"]["code"]
    except (KeyError, TypeError, ValueError):
        return None
    return str(code)


def data(answer: httpx.Response, *expected: int) -> Any:
    """Return the envelope's data. Raises Failed unless the status is `expected`, by default 200."""
    expect_status(answer, *(expected or (200,)))
    return answer.json()["data"]


def _wait(answer: httpx.Response, attempt: int) -> float:
    asked = answer.headers.get("retry-after", "")
    return min(float(asked), 5.0) if asked.isdigit() else float(attempt + 1)

"""Log lines of the hot functions: those of Powertools, without its imports."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    type Describe = Callable[[BaseException], list[dict[str, object]]]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


class JsonLogger:
    """Writes lines to the standard output. A field without a value is left out."""

    def __init__(self, service: str, describe: Describe) -> None:
        """Write the lines of this service, from the level of LOG_LEVEL on.

        describe  returns what is logged of an exception
        """
        self._service = service
        self._describe = describe
        names = ("POWERTOOLS_LOG_LEVEL", "LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL")
        level = next((os.environ[name] for name in names if os.environ.get(name)), "INFO")
        self._least = _LEVELS.get(level.upper(), _LEVELS["INFO"])

    def info(self, message: str, **fields: object) -> None:
        """Write a line."""
        self._write("INFO", message, fields)

    def warning(self, message: str, **fields: object) -> None:
        """Write a line about something to look at."""
        self._write("WARNING", message, fields)

    def error(self, message: str, **fields: object) -> None:
        """Write a line about a failure."""
        self._write("ERROR", message, fields)

    def exception(self, message: str, **fields: object) -> None:
        """Write a line about the exception that is being handled."""
        error = sys.exception()
        described = {} if error is None else {"exceptions": self._describe(error)}
        self._write("ERROR", message, {**fields, **described})

    def _write(self, level: str, message: str, fields: Mapping[str, object]) -> None:
        if _LEVELS[level] < self._least:
            return
        caller = sys._getframe(2)  # noqa: SLF001 - as the standard library's logging does
        now = time.time()
        seconds = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now))
        line = {
            "level": level,
            "location": f"{caller.f_code.co_name}:{caller.f_lineno}",
            "message": message,
            "timestamp": f"{seconds},{int(now % 1 * 1000):03}+0000",
            "service": self._service,
            "xray_trace_id": _trace_id(),
            **fields,
        }
        present = {name: value for name, value in line.items() if value is not None}
        _print(present)


def _trace_id() -> str | None:
    """Return the id of the trace of X-Ray, which Lambda sets for each invocation."""
    header = os.environ.get("_X_AMZN_TRACE_ID")
    return header.split(";")[0].removeprefix("Root=") if header else None


def _print(line: Mapping[str, object]) -> None:
    sys.stdout.write(f"{_encode(line)}\n")
    sys.stdout.flush()

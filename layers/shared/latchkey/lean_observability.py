"""Log lines of the hot functions: those of Powertools, without its imports."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    type Describe = Callable[[BaseException], list[dict[str, object]]]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


class JsonLogger:
    """Writes lines to the standard output. A field without a value is left out."""

    def __init__(self, describe: Describe) -> None:
        """Write lines from the level of LOG_LEVEL on.

        describe  returns what is logged of an exception
        """
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
        line = {"level": level, "message": message, "xray_trace_id": _trace_id(), **fields}
        present = {name: value for name, value in line.items() if value is not None}
        _print(present)


def _trace_id() -> str | None:
    """Return the id of the trace of this invocation, if X-Ray keeps it."""
    root, _, rest = os.environ.get("_X_AMZN_TRACE_ID", "").partition(";")
    return root.removeprefix("Root=") if "Sampled=1" in rest else None


def _print(line: Mapping[str, object]) -> None:
    sys.stdout.write(f"{_encode(line)}\n")
    sys.stdout.flush()

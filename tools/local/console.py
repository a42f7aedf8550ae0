"""What `make run` says while it works: a line a step, with the time it took."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, override

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 46


class Console:
    """Prints steps; `QuietConsole` stands in for it in tests."""

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Say what is being done, and how long it took."""
        print(f"  {what} ".ljust(WIDTH, "."), end=" ", flush=True)
        start = time.monotonic()
        try:
            yield
        except BaseException as error:
            print("failed" if isinstance(error, Exception) else "stopped", flush=True)
            raise
        print(f"{time.monotonic() - start:5.1f} s", flush=True)


class QuietConsole(Console):
    """Says nothing."""

    @override
    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Only do it."""
        yield

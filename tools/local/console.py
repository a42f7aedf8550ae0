"""Progress output of `make run`: a line per step with its duration."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, override

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 46


class Console:
    """Prints steps. Tests use `QuietConsole`."""

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Print a step and its duration."""
        print(f"  {what} ".ljust(WIDTH, "."), end=" ", flush=True)
        start = time.monotonic()
        try:
            yield
        except BaseException as error:
            print("failed" if isinstance(error, Exception) else "stopped", flush=True)
            raise
        print(f"{time.monotonic() - start:5.1f} s", flush=True)


class QuietConsole(Console):
    """Prints nothing."""

    @override
    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Run the step only."""
        yield

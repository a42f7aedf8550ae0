"""`make run`: runs a local stack until Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from tools.local import demo, lambda_logs
from tools.local.console import Console
from tools.local.processes import LocalError
from tools.local.stack import LocalStack

if TYPE_CHECKING:
    from types import FrameType

READY = """
Latchkey is up, {seconds:.0f} s after the start.

  page       {base_url}
  API        {base_url}/api/v1
  mails      {base_url}/_dev/mail
  emulator   {emulator_url}
  demo user  {email}
  password   {password}

Ctrl-C stops everything. The logs of the Lambdas follow.
"""


class Stopped(BaseException):
    """Ctrl-C or SIGTERM. Stops everything that runs."""


def main() -> int:
    """Run a stack in the foreground."""
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    try:
        _serve()
    except Stopped:
        print("\nStopped.")
    except LocalError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def _serve() -> None:
    start = time.monotonic()
    console = Console()
    port, emulator_port = _port("PORT", 8000), _port("EMULATOR_PORT", 4566)
    print("Latchkey on this machine")
    with LocalStack.start(port=port, emulator_port=emulator_port, console=console) as stack:
        with console.step("a demo user"):
            demo.register(stack.base_url)
        print(
            READY.format(
                seconds=time.monotonic() - start,
                base_url=stack.base_url,
                emulator_url=stack.emulator_url,
                email=demo.EMAIL,
                password=demo.PASSWORD,
            ),
            flush=True,
        )
        with lambda_logs.following(stack.emulator, stack.deployment.outputs["LogGroupName"], _show):
            threading.Event().wait()


def _port(variable: str, default: int) -> int:
    value = os.environ.get(variable, str(default))
    with contextlib.suppress(ValueError):
        if 0 < int(value) < 65536:  # noqa: PLR2004 - what a port is
            return int(value)
    raise LocalError(f"{variable} is a port between 1 and 65535, not {value!r}.")


def _stop(_number: int, _frame: FrameType | None) -> None:
    # Once: a second Ctrl-C during the shutdown would leave processes behind.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped


def _show(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())

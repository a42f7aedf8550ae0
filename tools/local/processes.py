"""Child processes that end with their parent, and ports that are checked before use."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

STOP_SECONDS = 5
"""The time for a process to stop. MiniStack needs it to stop its Lambdas."""


LAST_LINES = 20
"""Lines of a failed tool's output to show. The reason is at the end."""


class LocalError(Exception):
    """An error that the developer can fix. The message explains it."""


def free_port() -> int:
    """Return a port that was just free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_free(port: int, variable: str) -> None:
    """Refuse a used port before starting a stack, which takes minutes.

    Raises:
        LocalError: it is in use.
    """
    with socket.socket() as probe:
        # SO_REUSEADDR, as the servers use it: closing connections do not block a port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            message = f"Port {port} is taken. Choose another one: make run {variable}={port + 1}"
            raise LocalError(message) from error


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in its own process group, and end the group afterwards.

    Ctrl-C reaches every process of the terminal's group at once. In their own groups the children
    are stopped in order. They stay in the session: the kernel shares the processor between
    sessions, and would ignore the lower priority of what runs beside them.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    try:
        yield process
    finally:
        _stop_group(process)


def run(
    command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, log: Path, what: str
) -> None:
    """Run a command and wait for it.

    Raises:
        LocalError: it failed; the message has the end of its output.
    """
    with running(command, env=env, cwd=cwd, log=log) as process:
        code = process.wait()
    if code != 0:
        last_lines = "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])
        raise LocalError(f"{what} failed with exit code {code}.\n{last_lines}")


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    _signal_group(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    # The leader has ended or hangs. Its children may still run.
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # process_group=0 makes the child's id the id of its group, as long as the group exists.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)

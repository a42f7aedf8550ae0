"""Child processes that never outlive their parent, and ports that are checked before use."""

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
"""What a process gets to stop by itself. MiniStack needs one to stop its Lambdas."""


LAST_LINES = 20
"""Of a failed tool's output: where each of them says what was wrong."""


class LocalError(Exception):
    """Something that the developer can put right; its message is the whole story."""


def free_port() -> int:
    """Return a port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_free(port: int, variable: str) -> None:
    """Refuse a port that is taken, before minutes of work have gone into the stack behind it.

    Raises:
        LocalError: somebody listens there.
    """
    with socket.socket() as probe:
        # As the servers do: a port that is only waiting out its last connections is free.
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
    """Run a command in a process group of its own, and end the whole group in the end.

    Its own group, because Ctrl-C reaches every process of the terminal's group at once: the
    children would die in the middle of their work, in no order.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _stop_group(process)


def run(
    command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, log: Path, what: str
) -> None:
    """Run a command to its end.

    Raises:
        LocalError: it failed; says how, with the end of its output.
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
    # The leader is gone or stuck. Its own children may be left either way.
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # start_new_session made the child's id its group's id, and the group keeps it while it lives.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)

"""MiniStack, the emulator of AWS: its process, its clients, and what it shows beyond AWS."""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from botocore.config import Config

from tools.local import processes

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON_DIRECTORY = Path(sys.base_prefix) / "bin"
"""The interpreter itself, not an environment: a Lambda must find nothing but its layer."""

REGION = "eu-west-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": REGION,
}
START_SECONDS = 60


@dataclass(frozen=True)
class Emulator:
    """A running MiniStack."""

    port: int
    directory: Path

    @property
    def url(self) -> str:
        """Where every AWS API answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What makes an AWS SDK or tool talk to this emulator and never to AWS."""
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": self.url}

    def client(self, service: str) -> Any:
        """Make a boto3 client: fifty connections, no retries that would hide a failure."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=Config(max_pool_connections=50, retries={"total_max_attempts": 1}),
        )

    def mails(self) -> list[dict[str, Any]]:
        """Return the mails that SES would have sent, newest first."""
        answer = httpx.get(f"{self.url}/_ministack/ses/messages", timeout=10)
        accounts = answer.raise_for_status().json()["messages"]
        mails = [mail for messages in accounts.values() for mail in messages]
        return sorted(mails, key=lambda mail: str(mail["Timestamp"]), reverse=True)


@contextlib.contextmanager
def start(port: int, directory: Path) -> Iterator[Emulator]:
    """Start MiniStack with all its state in `directory`, and stop it with its Lambdas afterwards.

    Raises:
        LocalError: it did not come up.
    """
    log = directory / "emulator.log"
    # A whole environment and not ours with changes: the emulator hands its own on to the Lambdas.
    env = {
        "HOME": str(directory),
        "TMPDIR": str(directory),
        "LANG": "C.UTF-8",
        "PATH": f"{PYTHON_DIRECTORY}:/usr/bin:/bin",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        **CREDENTIALS,
    }
    command = [REPOSITORY / ".tools/ministack/bin/ministack"]
    with processes.running(command, env=env, cwd=directory, log=log) as process:
        emulator = Emulator(port, directory)
        _wait_until_ready(emulator, process, log)
        yield emulator


def _wait_until_ready(emulator: Emulator, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{emulator.url}/_ministack/health", timeout=2).is_success:
                return
        time.sleep(0.05)
    raise processes.LocalError(f"The emulator did not start.\n{log.read_text()[-2000:]}")

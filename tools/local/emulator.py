"""MiniStack, the emulator of AWS: its process and its clients."""

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
    from collections.abc import Iterator, Mapping

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / ".aws-sam/local"
"""Separate from .aws-sam/build, which is for AWS. This build is for this machine."""
PYTHON_DIRECTORY = Path(sys.base_prefix) / "bin"
"""The interpreter without an environment: a Lambda must only find its layer."""

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
        """The address of every AWS API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment that makes an AWS SDK use this emulator and never AWS."""
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": self.url}

    def client(
        self, service: str, credentials: Mapping[str, Any] | None = None, region: str = REGION
    ) -> Any:
        """Create a boto3 client with fifty connections, without retries that would hide failures.

        credentials  from STS; without them the client may do everything
        """
        who = credentials or {
            "AccessKeyId": CREDENTIALS["AWS_ACCESS_KEY_ID"],
            "SecretAccessKey": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        }
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=who["AccessKeyId"],
            aws_secret_access_key=who["SecretAccessKey"],
            aws_session_token=who.get("SessionToken"),
            config=Config(max_pool_connections=50, retries={"total_max_attempts": 1}),
        )

    def mails(self) -> list[dict[str, Any]]:
        """Return the captured emails, newest first."""
        answer = httpx.get(f"{self.url}/_ministack/ses/messages", timeout=10)
        accounts = answer.raise_for_status().json()["messages"]
        mails = [mail for messages in accounts.values() for mail in messages]
        return sorted(mails, key=lambda mail: float(mail["Timestamp"]), reverse=True)


@contextlib.contextmanager
def start(port: int, directory: Path) -> Iterator[Emulator]:
    """Run MiniStack with its state in `directory`. Stops it and its Lambdas afterwards.

    Raises:
        LocalError: it did not start.
    """
    log = directory / "emulator.log"
    # A complete new environment: the emulator passes its own on to the Lambdas.
    env = {
        "HOME": str(directory),
        "TMPDIR": str(directory),
        "LANG": "C.UTF-8",
        "PATH": f"{PYTHON_DIRECTORY}:/usr/bin:/bin",
        # The layer's packages (see layer.mk) for the Lambdas. The emulator itself runs isolated.
        "PYTHONPATH": str(BUILD / "packages/current"),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        # A request uses a thread for its Lambda and one for each call of it.
        "MINISTACK_WORKER_THREADS": "256",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "AUTH": "true",  # IAM policies hold here as they do on AWS
        **CREDENTIALS,
    }
    command = [f"{REPOSITORY}/.tools/ministack/bin/python", "-I", "-m", "ministack"]
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

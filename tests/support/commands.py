"""The commands of README and runbooks, run against a local stack."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tools.template import ROOT

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from tools.local.emulator import Emulator

BUILT = (
    ".venv/.stamp",
    ".tools/sam/.stamp",
    ".tools/ministack/.stamp",
    "web/dist/index.html",
)
"""What the targets need is here already. make must not build it again in the middle of a test."""


def make(emulator: Emulator, *arguments: str, **environment: str) -> CompletedProcess[str]:
    """Run `make` with these words, with this emulator for AWS.

    Below `make test` it would be a recursive make, which prints its directory.
    """
    old = [word for path in BUILT for word in ("-o", path)]
    return _run(["make", "--no-print-directory", *old, *arguments], emulator, environment)


def _run(
    command: list[str], emulator: Emulator, environment: dict[str, str]
) -> CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(  # noqa: S603 - our own words
        command,
        env={**ours, **emulator.environment, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

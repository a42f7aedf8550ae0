"""The commands of the runbooks, as they are written there."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from tests.support.commands import make
from tools.local.deployment import stack_name
from tools.template import ROOT

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from tools.local.emulator import Emulator

RUNBOOKS = ROOT / "docs" / "runbooks"
PROGRAMS = ("make ", ".venv/bin/python -m ", "python -m ", "aws ")
BLOCK = re.compile(r"^ *```\w*\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`((?:make|(?:\.venv/bin/)?python -m|aws) [^`]+)`")


def commands_of(text: str) -> list[str]:
    """Return every command of a document, without its comments."""
    blocks = " \n".join(BLOCK.findall(text)).replace("\\\n", " ")
    lines = [re.sub(r"\s+#.*", "", line).strip() for line in blocks.splitlines()]
    inline = INLINE.findall(BLOCK.sub("", text))
    return [line for line in [*lines, *inline] if line.startswith(PROGRAMS)]


def step(
    emulator: Emulator, runbook: str, command: str, *, passphrase: str = "", **values: str
) -> CompletedProcess[str]:
    """Run the first command of a runbook that starts like this and takes all these values.

    command  `make <target>`
    values   for `NAME=VALUE` words of the command; the others stay as they are written
    """
    values = {"STACK": stack_name(), **values}
    for written in commands_of((RUNBOOKS / f"{runbook}.md").read_text()):
        pairs = dict(word.split("=", 1) for word in shlex.split(written) if "=" in word)
        if written.startswith(command) and values.keys() <= pairs.keys():
            target = written.split()[1]
            arguments = [f"{name}={value}" for name, value in {**pairs, **values}.items()]
            secret = {"PASSPHRASE": passphrase} if passphrase else {}
            return make(emulator, target, *arguments, **secret)
    msg = f"{runbook}.md has no {command} with {sorted(values)}"
    raise LookupError(msg)

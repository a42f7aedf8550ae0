"""What `make endpoint` and `make parameter` share: they insert lines and write files."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

from tools.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

UNWRITTEN = "(not written yet)"
"""Marks generated texts that a person has to replace. A contract test finds the remaining ones."""

ADDED = "### Added\n"
"""The heading of the CHANGELOG below which new lines are inserted."""


class GeneratorError(Exception):
    """Nothing was written. The message says why."""


class Generated(Protocol):
    """What a generator writes."""

    def texts(self) -> Mapping[Path, str]:
        """Return the complete text of each new or changed file. Raises GeneratorError."""
        ...

    def steps(self, written: list[str]) -> str:
        """Return the message about the written files and the remaining steps."""
        ...


def insert_after(text: str, anchor: str, line: str) -> str:
    """Insert a line after the first occurrence of an anchor. Raises GeneratorError."""
    if anchor not in text:
        raise GeneratorError(f"The anchor {anchor.strip()!r} is missing: change this generator.")
    return text.replace(anchor, anchor + line, 1)


def insert_before(text: str, pattern: str, line: str) -> str:
    """Insert a line before the first match of a pattern. Raises GeneratorError."""
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise GeneratorError(f"The anchor {pattern!r} is missing: change this generator.")
    return text[: found.start()] + line + text[found.start() :]


def generate(parse: Callable[[], Generated]) -> int:
    """Write the files and print the remaining steps. Returns the exit code.

    parse  checks the arguments; it may raise GeneratorError
    """
    try:
        generated = parse()
        texts = generated.texts()
    except GeneratorError as error:
        print(error, file=sys.stderr)
        return 1
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    python = [str(path) for path in texts if path.suffix == ".py"]
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", *python], check=True)
    print(generated.steps([str(path.relative_to(ROOT)) for path in texts]))
    return 0

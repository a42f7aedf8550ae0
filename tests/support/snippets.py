"""The commands of a document, run in a shell, and the output that the document shows."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "…"
SEPARATOR = "--- end of step {} ---"


@dataclass(frozen=True, slots=True)
class Step:
    """One block of commands, and the output that follows it in the document, if any does."""

    commands: str
    printed: str | None = None

    def prints(self, output: str) -> bool:
        """Return whether this is what the document shows; `…` stands for any text."""
        if self.printed is None:
            return True
        parts = [re.escape(part) for part in self.printed.strip().split(ANYTHING)]
        return re.fullmatch(".*".join(parts), output.strip(), re.DOTALL) is not None


def steps(document: Path) -> list[Step]:
    """Return the blocks of commands in a document, in their order."""
    found: list[Step] = []
    for language, text in FENCE.findall(document.read_text()):
        if language == "bash":
            found.append(Step(text))
        else:
            found[-1] = Step(found[-1].commands, text)
    return found


def run(blocks: list[Step]) -> list[str]:
    """Run the blocks in one shell, and return what each printed."""
    script = "\n".join(
        f"{block.commands}\necho\necho '{SEPARATOR.format(number)}'"
        for number, block in enumerate(blocks)
    )
    done = subprocess.run(  # noqa: S603 - our own documents
        [str(shutil.which("bash")), "-eu", "-o", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outputs, rest = [], done.stdout
    for number, _ in enumerate(blocks):
        output, _, rest = rest.partition(f"\n{SEPARATOR.format(number)}\n")
        outputs.append(output)
    return outputs

"""`make release-notes TAG=vX.Y.Z`: prints the notes of a release, from the CHANGELOG.

It refuses a tag that the CHANGELOG does not describe. It needs only Python, so that the publishing
job installs no packages.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TAG = re.compile(r"v((?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*))")
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
RELEASED = re.compile(r"(\d+\.\d+\.\d+) - (\d{4}-\d{2}-\d{2})")


class ReleaseError(Exception):
    """The tag can't be released as it is; the message says what to do."""


def notes(tag: str, changelog: str, contract_version: str, client_version: str) -> str:
    """Return the notes of a tag. Raises ReleaseError."""
    match = TAG.fullmatch(tag)
    if match is None:
        raise ReleaseError(f"{tag!r} is not a tag of a release: name it vX.Y.Z.")
    version = match[1]
    sections = _sections(changelog)
    heading = next((each for each in sections if each.split(" - ")[0] == version), None)
    if heading is None:
        raise ReleaseError(
            f"CHANGELOG.md has no section of {version}: "
            f'put "## {version} - YYYY-MM-DD" below "## Unreleased".'
        )
    if RELEASED.fullmatch(heading) is None:
        raise ReleaseError(
            f'CHANGELOG.md: "## {heading}" needs a date, as in "## {version} - 2026-01-31".'
        )
    if sections.get("Unreleased"):
        raise ReleaseError(f"CHANGELOG.md: move what is under Unreleased to {version}.")
    if not sections[heading]:
        raise ReleaseError(f"CHANGELOG.md says nothing about {version}.")
    versions = f"HTTP contract {contract_version} · TypeScript client {client_version}"
    return f"{versions}\n\n{sections[heading]}\n"


def _sections(changelog: str) -> dict[str, str]:
    """Return the text of each section of the second level, by its heading."""
    _, *parts = HEADING.split(changelog)
    return {
        heading.strip(): body.strip() for heading, body in zip(parts[::2], parts[1::2], strict=True)
    }


def main(arguments: list[str]) -> int:
    """Print the notes of one tag."""
    if len(arguments) != 1 or not arguments[0]:
        print("usage: make release-notes TAG=vX.Y.Z", file=sys.stderr)
        return 2
    contract = json.loads((ROOT / "openapi.json").read_text(encoding="utf-8"))
    client = json.loads((ROOT / "clients/typescript/package.json").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    try:
        print(notes(arguments[0], changelog, contract["info"]["version"], client["version"]))
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

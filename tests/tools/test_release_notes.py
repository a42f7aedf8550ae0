"""Release notes come from the CHANGELOG, which must describe the tag."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tools.release_notes import ReleaseError, notes
from tools.template import ROOT

CHANGELOG = """\
# Changelog

Newest first.

## Unreleased

## 1.2.0 - 2026-03-01

### Added
- Passkeys.

## 1.1.0 - 2026-01-31

### Fixed
- A typo.

## 1.0.0

## 0.9.0 - 2025-12-01
"""


def test_the_notes_are_the_section_of_the_version_and_name_the_contract():
    assert notes("v1.2.0", CHANGELOG, "0.3.0", "0.1.0") == (
        "HTTP contract 0.3.0 · TypeScript client 0.1.0\n\n### Added\n- Passkeys.\n"
    )


def test_the_notes_of_an_older_version_end_before_the_next():
    assert notes("v1.1.0", CHANGELOG, "0.3.0", "0.1.0").endswith("### Fixed\n- A typo.\n")


@pytest.mark.parametrize(
    ("tag", "sentence"),
    [
        ("1.2.0", "name it vX.Y.Z"),
        ("v1.2", "name it vX.Y.Z"),
        ("v01.2.0", "name it vX.Y.Z"),
        ("v1.2.0-rc1", "name it vX.Y.Z"),
        ("v1.3.0", "has no section of 1.3.0"),
        ("v1.0.0", "needs a date"),
        ("v0.9.0", "says nothing about 0.9.0"),
    ],
)
def test_a_tag_that_the_changelog_does_not_describe_is_refused(tag, sentence):
    with pytest.raises(ReleaseError, match=sentence):
        notes(tag, CHANGELOG, "0.3.0", "0.1.0")


def test_nothing_may_be_left_unreleased():
    changelog = CHANGELOG.replace("## Unreleased\n", "## Unreleased\n\n### Added\n- More.\n")
    with pytest.raises(ReleaseError, match="move what is under Unreleased"):
        notes("v1.2.0", changelog, "0.3.0", "0.1.0")


def test_make_prints_the_reason_and_fails():
    done = subprocess.run(  # noqa: S603
        [str(shutil.which("make")), "--silent", "release-notes", "TAG=v999.0.0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert done.stdout == ""
    assert "has no section of 999.0.0" in done.stderr


def test_the_changelog_has_sections_that_can_be_released():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    entries = changelog.partition("## Unreleased\n")[2]
    released = changelog.replace("## Unreleased\n", "## Unreleased\n\n## 999.0.0 - 2026-01-31\n")
    assert notes("v999.0.0", released, "0.1.0", "0.1.0").endswith(
        entries.partition("\n## ")[0].strip() + "\n"
    )

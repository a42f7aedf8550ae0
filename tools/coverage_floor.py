"""`make coverage`: prints the branch coverage of each package, and fails below the floor.

It reads the output of `coverage json`. Each package has to reach the floor, so that a well covered
package does not hide another.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

FLOOR_PERCENT = 95
"""The minimum share of covered branches per package. Below it, whole conditions have no test."""

PACKAGES = frozenset({"domain", "events", "flows", "http", "mail", "security", "storage", "wiring"})
"""The packages of latchkey; a test compares them with the folders."""


@dataclass(slots=True)
class Covered:
    """The number of branches of one package, and how many of them the tests ran."""

    branches: int = 0
    covered: int = 0

    @property
    def percent(self) -> float:
        """The share of branches that ran; a package without branches is covered."""
        return 100.0 * self.covered / self.branches if self.branches else 100.0


def by_package(report: Mapping[str, Any]) -> dict[str, Covered]:
    """Add the files of `coverage json` up by package. Raises ValueError without branches."""
    if not report["meta"]["branch_coverage"]:
        msg = "the report has no branches: [tool.coverage.run] needs branch = true"
        raise ValueError(msg)
    packages: dict[str, Covered] = defaultdict(Covered)
    for name, file in report["files"].items():
        parts = PurePath(name).parts
        inside = parts[parts.index("latchkey") + 1 :]
        if len(inside) > 1:
            package = packages[inside[0]]
            package.branches += file["summary"]["num_branches"]
            package.covered += file["summary"]["covered_branches"]
    return dict(packages)


def below_floor(packages: Mapping[str, Covered]) -> list[str]:
    """Return a sentence for each package that is covered too little, or was not measured."""
    found = [f"{name} was not measured" for name in sorted(PACKAGES - packages.keys())]
    return found + [
        f"{name} has {covered.percent:.1f} % of its branches covered, not {FLOOR_PERCENT} %"
        for name, covered in sorted(packages.items())
        if covered.percent < FLOOR_PERCENT
    ]


def main(arguments: list[str]) -> int:
    """Print the table, and what is below the floor."""
    (path,) = arguments
    packages = by_package(json.loads(Path(path).read_text(encoding="utf-8")))
    for name, covered in sorted(packages.items()):
        count = f"{covered.covered:5} of {covered.branches:5} branches"
        print(f"{name:12} {count} {covered.percent:6.1f} %")
    problems = below_floor(packages)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`make mutate`: changes the code line by line, and lists the changes that no test notices.

tools/mutants.toml has the files that are mutated, each with its tests, and explains survivors by
their function and the two lines. A survivor without an explanation fails the command.

mutmut expects the source in src/, so this works on a copy of the tree in .mutants.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
WORK = ROOT / ".mutants"
LAYER = ROOT / "layers/shared/latchkey"
EXPLAINED = ROOT / "tools/mutants.toml"
MUTMUT = ROOT / ".tools/mutants/bin/mutmut"

COPIED = ("tests", "tools", "functions", "events", "template")
FILES = ("template.yaml", "openapi.json", "samconfig.toml")
IGNORED = shutil.ignore_patterns("__pycache__", "integration", "*.pyc")

CONFIG = """\
[tool.pytest.ini_options]
pythonpath = ["."]
addopts = ["--import-mode=importlib", "--strict-markers", "-p", "no:randomly"]
markers = ["integration: needs a stack", "slow: not here", "heavy: not here"]

[tool.mutmut]
source_paths = ["src"]
only_mutate = {only}
# Words for the log, which no test reads.
do_not_mutate_patterns = ["reason=", "raise (Type|Value)Error", "logger\\\\."]
also_copy = {copied}
pytest_add_cli_args = ["-m", "not slow and not heavy and not integration"]
pytest_add_cli_args_test_selection = {tests}
"""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one line."""

    function: str
    before: str
    after: str


def prepare(files: list[str], tests: list[str]) -> None:
    """Copy what the tests need, with the layer in src/."""
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.copytree(LAYER, WORK / "src/latchkey", ignore=IGNORED)
    for name in COPIED:
        shutil.copytree(ROOT / name, WORK / name, ignore=IGNORED)
    for name in FILES:
        shutil.copy(ROOT / name, WORK / name)
    only = [f"src/latchkey/{name}" for name in files]
    config = CONFIG.format(only=only, tests=tests, copied=[*COPIED[1:], *FILES])
    (WORK / "pyproject.toml").write_text(config, encoding="utf-8")


def survivors() -> list[Mutant]:
    """Return every mutant that no test noticed."""
    names = re.findall(r"^\s*(\S+): (?:survived|no tests)$", _mutmut("results"), re.MULTILINE)
    return [parse(name, _mutmut("show", name)) for name in names]


def parse(name: str, diff: str) -> Mutant:
    """Read a mutant from its name, as `latchkey.a.x_f__mutmut_3`, and its diff."""
    changed = [line for line in diff.splitlines() if re.match(r"[-+](?![-+]{2} )", line)]
    before, after = (
        " ".join(line[1:].strip() for line in changed if line[0] == sign) for sign in "-+"
    )
    module, _, mangled = name.partition("__mutmut_")[0].rpartition(".")
    function = mangled.removeprefix("x").removeprefix("_").replace("ǁ", ".").strip(".")
    return Mutant(f"{module.removeprefix('latchkey.')}.{function}", before, after)


def unexplained(found: list[Mutant], explained: str) -> list[Mutant]:
    """Return the survivors that tools/mutants.toml does not explain."""
    known = {
        Mutant(entry["function"], entry["before"], entry["after"])
        for entry in tomllib.loads(explained).get("survivor", [])
        if entry["why"]
    }
    return [mutant for mutant in found if mutant not in known]


def main() -> int:
    """Mutate the files, and list what survived without an explanation."""
    parser = argparse.ArgumentParser(prog="make mutate")
    parser.add_argument("files", nargs="*", help="below latchkey/, such as security/sealing.py")
    parser.add_argument("--tests", nargs="*", help="files or folders of tests")
    arguments = parser.parse_args()
    explained = EXPLAINED.read_text(encoding="utf-8")
    known: dict[str, list[str]] = tomllib.loads(explained)["tests"]
    files = arguments.files or [*known]
    tests = arguments.tests or sorted({test for name in files for test in known.get(name, [])})
    if not tests:
        parser.error("name the tests of a new file: TESTS=tests/…")
    prepare(files, tests)
    done = subprocess.run([str(MUTMUT), "run"], cwd=WORK, check=False)
    if done.returncode:
        return done.returncode
    found = survivors()
    remaining = unexplained(found, explained)
    print(f"\n{len(found)} survived, {len(remaining)} of them without an explanation")
    for mutant in remaining:
        print(f"\n{mutant.function}\n  - {mutant.before}\n  + {mutant.after}")
    return 1 if remaining else 0


def _mutmut(*arguments: str) -> str:
    done = subprocess.run(
        [str(MUTMUT), *arguments], cwd=WORK, check=True, capture_output=True, text=True
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())

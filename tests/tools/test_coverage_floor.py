"""The floor of coverage is for each package, and a package can't be left out."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from coverage import CoverageData

from tools.coverage_floor import PACKAGES, below_floor, by_package, main
from tools.template import ROOT


def report(covered, *, branch_coverage=True):
    """What `coverage json` writes, of packages with 100 branches each in two files."""
    files = {}
    for package, count in covered.items():
        for number, part in enumerate((count // 2, count - count // 2)):
            summary = {"num_branches": 50, "covered_branches": part}
            files[f"layers/shared/latchkey/{package}/file{number}.py"] = {"summary": summary}
    files["layers/shared/latchkey/config.py"] = {
        "summary": {"num_branches": 9, "covered_branches": 0}
    }
    return {"meta": {"branch_coverage": branch_coverage}, "files": files}


EVERY = dict.fromkeys(PACKAGES, 95)


def test_the_packages_are_those_of_the_layer():
    folders = {path.parent.name for path in (ROOT / "layers/shared/latchkey").glob("*/__init__.py")}
    assert folders == PACKAGES


def test_the_floor_is_enough():
    assert below_floor(by_package(report(EVERY))) == []


def test_one_package_below_the_floor_fails_whatever_the_others_have():
    packages = by_package(report({**dict.fromkeys(PACKAGES, 100), "flows": 94}))
    assert below_floor(packages) == ["flows has 94.0 % of its branches covered, not 95 %"]


def test_a_package_that_was_not_measured_fails():
    covered = {name: 100 for name in PACKAGES if name != "security"}
    assert below_floor(by_package(report(covered))) == ["security was not measured"]


def test_a_report_without_branches_is_refused():
    with pytest.raises(ValueError, match="branch = true"):
        by_package(report(EVERY, branch_coverage=False))


def test_the_command_fails_below_the_floor(tmp_path, capsys):
    path = tmp_path / "coverage.json"
    for least, code in ((95, 0), (94, 1)):
        path.write_text(json.dumps(report({**EVERY, "http": least})))
        assert main([str(path)]) == code
    assert "http" in capsys.readouterr().err


KILLED = """
import atexit
import os


def pytest_configure(config):
    if hasattr(config, "workerinput"):
        atexit.register(os._exit, 0)
"""


def test_coverage_of_a_worker_that_is_killed_at_its_exit_is_kept(tmp_path):
    (tmp_path / "killed_at_exit.py").write_text(KILLED)
    data = tmp_path / "coverage"
    done = subprocess.run(  # noqa: S603 - our own tests
        [
            *(sys.executable, "-m", "coverage", "run", "-m", "pytest", "-n", "1", "-q"),
            *("-p", "killed_at_exit", "tests/unit/test_conflicts.py"),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "COVERAGE_FILE": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    measured = CoverageData(basename=str(data))
    for part in tmp_path.glob("coverage.*"):
        other = CoverageData(basename=str(part))
        other.read()
        measured.update(other)
    source = ROOT / "layers/shared/latchkey/flows/conflicts.py"
    body = source.read_text().splitlines().index("        result = attempt()") + 1
    assert body in (measured.lines(str(source)) or [])

"""The floor of coverage is for each package, and a package can't be left out."""

from __future__ import annotations

import json

import pytest

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

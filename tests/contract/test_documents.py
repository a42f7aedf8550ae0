"""Links in documents work, and every decision is listed."""

from __future__ import annotations

import re

import pytest

from tools.template import ROOT, load

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
PLACES = (
    "*.md",
    "docs/*.md",
    "docs/adr/*.md",
    "docs/runbooks/*.md",
    "web/*.md",
    "clients/*/*.md",
    "examples/*/*.md",
)
DOCUMENTS = sorted(str(path.relative_to(ROOT)) for place in PLACES for path in ROOT.glob(place))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_in_documents_exist(name):
    document = ROOT / name
    missing = [
        link for link in LINK.findall(document.read_text()) if not (document.parent / link).exists()
    ]
    assert missing == []


def test_every_decision_is_listed_in_the_architecture():
    listed = set(LINK.findall((ROOT / "docs" / "architecture.md").read_text()))
    decisions = {f"adr/{path.name}" for path in (ROOT / "docs" / "adr").glob("*.md")}
    assert decisions <= listed


def test_every_alarm_has_a_section_in_the_operations_manual():
    headings = re.findall(r"^## .*$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    alarms = [
        name
        for name, resource in load()["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    ]
    assert alarms
    assert [name for name in alarms if f"`{name}`" not in "".join(headings)] == []


def test_every_attack_of_the_threat_model_names_a_test_that_exists():
    model = (ROOT / "docs" / "threat-model.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", model)
    assert len(named) > 30
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or (name and f"def {name}(" not in (ROOT / path).read_text())
    ]
    assert missing == []

"""The lines of smoke that docs/operations.md names exist in tools/smoke."""

from __future__ import annotations

import re

from tests.integration.test_smoke import ONLY_ON_AWS
from tools.smoke.front import FRONT
from tools.smoke.person import Person
from tools.template import ROOT

LINES = {*FRONT, "register", "sign-in", *Person("", "").steps, "leave"}


def section(title):
    text = (ROOT / "docs/operations.md").read_text()
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0]


def rows():
    table = section("What only a real account can prove").partition("No line of smoke")[0]
    cells = re.findall(r"^\|(.+)\|([^|]+)\|$", table, re.MULTILINE)
    return {rule.strip(): re.findall(r"`([a-z0-9-]+)`", lines) for rule, lines in cells[2:]}


def test_each_rule_names_lines_that_smoke_writes():
    assert len(rows()) >= 15
    for rule, lines in rows().items():
        assert lines, rule
        assert set(lines) <= LINES, rule


def test_each_line_of_smoke_is_explained():
    explained = {line for lines in rows().values() for line in lines}
    assert LINES - explained == set()


def test_what_the_local_stack_skips_is_what_only_aws_has():
    assert ONLY_ON_AWS <= LINES

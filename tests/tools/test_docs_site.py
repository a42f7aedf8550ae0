"""The documentation site: complete, and built from what is in the repository."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from tests.support.snippets import Step, steps
from tools import docs_site
from tools.template import ROOT

CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
MADE = {"adr/index.md", "reference.md"}


def named(entries):
    """The pages of a navigation, however deep."""
    for entry in entries:
        for value in entry.values():
            yield from [value] if isinstance(value, str) else named(value)


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """Stand in for what npm installs."""
    for name in ("swagger-ui.css", "swagger-ui-bundle.js"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(docs_site, "READER", tmp_path)


def test_the_navigation_has_every_page_but_the_records_of_decisions():
    listed = list(named(CONFIG["nav"]))
    assert len(set(listed)) == len(listed)
    pages = {str(page.relative_to(docs_site.DOCS)) for page in docs_site.pages()}
    records = {page for page in pages if page.startswith("adr/")}
    assert set(listed) == pages - records | MADE


def test_the_index_of_decisions_names_every_record_by_its_heading():
    index = docs_site.decisions()
    records = sorted((ROOT / "docs/adr").glob("*.md"))
    assert re.findall(r"\]\((.*?)\)", index) == [path.name for path in records]
    assert "[One main table, and an append-only audit table](0001-two-tables.md)" in index


def test_a_record_with_another_number_than_its_name_is_refused(tmp_path, monkeypatch):
    (tmp_path / "adr").mkdir()
    (tmp_path / "adr/0007-seven.md").write_text("# 8. Eight\n")
    monkeypatch.setattr(docs_site, "DOCS", tmp_path)
    with pytest.raises(SystemExit, match=r"0007-seven\.md has no heading '# 7\."):
        docs_site.decisions()


def test_the_reference_is_the_contract_and_asks_no_other_host(reader, tmp_path):
    source = tmp_path / "source"
    docs_site.stage(source)
    contract = json.loads((ROOT / "openapi.json").read_text())
    script = (source / "api/contract.js").read_text()
    assert json.loads(script.removeprefix("const contract = ").removesuffix(";\n")) == contract
    page = (source / "api/index.html").read_text()
    assert "default-src 'self'" in page
    assert "://" not in page + docs_site.READER_SCRIPT
    listed = re.findall(
        r"^\| `([A-Z]+) (\S+)`", (source / "reference.md").read_text(), re.MULTILINE
    )
    assert listed == [(m.upper(), path) for path, ms in contract["paths"].items() for m in ms]


def test_everything_that_is_staged_is_of_this_build(reader, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "removed.md").write_text("# Removed\n")
    docs_site.stage(source)
    assert not (source / "removed.md").exists()
    assert not [path for path in source.rglob("*") if "node_modules" in path.parts]


def test_fonts_and_plugins_come_from_nowhere():
    assert CONFIG["theme"]["font"] is False
    assert "plugins" not in CONFIG
    assert not [key for key in CONFIG if key.startswith("extra_")]


# What runs the tutorial --------------------------------------------------------------------------


def test_a_step_is_commands_and_what_they_print(tmp_path):
    document = tmp_path / "x.md"
    document.write_text('# X\n```bash\na\n```\ntext\n```json\n{"b":…}\n```\n```bash\nc\n```\n')
    assert steps(document) == [Step("a\n", '{"b":…}\n'), Step("c\n")]


@pytest.mark.parametrize(
    ("output", "right"), [('{"b":1}', True), ('{"b":1}\n', True), ('{"c":1}', False), ("", False)]
)
def test_a_step_prints_what_is_shown_or_not(output, right):
    assert Step("a", '{"b":…}').prints(output) is right

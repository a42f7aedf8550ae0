"""The paths of the page match the emailed links and the operations of the contract."""

from __future__ import annotations

import json
import re

import pytest

from latchkey.domain.export import DONE_STEP, PACKING_STEP, WAITING_STEP, FailureReason
from latchkey.flows.export_parts import PARTS
from latchkey.flows.mailing import EXPORTS_PAGE, FORGOT_PASSWORD_PAGE, PAGES
from tools.template import ROOT

SOURCE = (ROOT / "web/src/page/page.ts").read_text(encoding="utf-8")
MESSAGES = {
    file.name: set(re.findall(r'^  "?([\w-]+)"?:', file.read_text(encoding="utf-8"), re.MULTILINE))
    for file in (ROOT / "web/src").glob("messages*.ts")
}
SCREENS = dict(re.findall(r'^  "/([\w-]*)": \{ (.+) \},$', SOURCE, re.MULTILINE))
INSIDE = {"exports"}
"""Pages for signed-in people."""


def test_every_emailed_link_has_a_page():
    assert set(PAGES.values()) | {FORGOT_PASSWORD_PAGE} <= SCREENS.keys()
    assert {EXPORTS_PAGE} == INSIDE
    assert 'location.pathname === "/exports"' in SOURCE


def test_page_of_a_link_reads_its_token():
    assert {name for name, screen in SCREENS.items() if "token: true" in screen} == set(
        PAGES.values()
    )


@pytest.mark.parametrize("language", sorted(MESSAGES))
def test_every_export_step_and_failure_is_translated(language: str):
    steps = {part.name for part in PARTS} | {WAITING_STEP, PACKING_STEP, DONE_STEP}
    # A closed account has no reader.
    failures = set(FailureReason) - {FailureReason.ACCOUNT_CLOSED}
    required = {f"step_{step}" for step in steps} | {f"failed_{each.upper()}" for each in failures}
    assert required <= MESSAGES[language]
    assert len(MESSAGES) > 1


def test_every_page_calls_an_operation_of_the_contract():
    operations = json.loads((ROOT / "openapi.json").read_text(encoding="utf-8"))["paths"]
    paths = re.findall(r'path: "(/api/v1/[^"]+)"', SOURCE)
    assert len(paths) == len(SCREENS) - 2  # signing in and registering are the client's own
    assert not [path for path in paths if "post" not in operations.get(path, {})]

"""The page's doors, held against the mails that lead to them and against what they ask for."""

from __future__ import annotations

import re

from latchkey.flows.mailing import EXPORTS_PAGE, FORGOT_PASSWORD_PAGE, PAGES
from tools.template import ROOT

SOURCE = (ROOT / "web/src/page/page.ts").read_text(encoding="utf-8")
DOORS = dict(re.findall(r'^  "/([\w-]*)": \{ (.+) \},$', SOURCE, re.MULTILINE))
INSIDE = {"exports"}
"""Pages for whoever is signed in."""


def test_every_link_of_a_mail_has_a_page():
    assert set(PAGES.values()) | {FORGOT_PASSWORD_PAGE} <= DOORS.keys()
    assert {EXPORTS_PAGE} == INSIDE
    assert 'location.pathname === "/exports"' in SOURCE


def test_a_page_for_a_link_takes_its_token():
    assert {name for name, door in DOORS.items() if "token: true" in door} == set(PAGES.values())

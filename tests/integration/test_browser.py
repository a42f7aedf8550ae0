"""The page and its element in a real browser, over the deployed stack (web/tests)."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tools.template import ROOT

if TYPE_CHECKING:
    from tools.local.stack import LocalStack

WEB = ROOT / "web"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
ELEMENT_MAX_BYTES = 35_000

pytestmark = [
    pytest.mark.skipif(
        not (WEB / "dist" / "index.html").exists(), reason="the page is not built: make page"
    ),
]


def test_the_element_is_small():
    built = (WEB / "dist" / "assets" / "latchkey-settings.js").read_bytes()
    assert len(gzip.compress(built, 9, mtime=0)) <= ELEMENT_MAX_BYTES


def test_the_page_in_a_browser(stack: LocalStack):
    _run(stack, TABS="3", REFRESHES="4")


@pytest.mark.slow
def test_five_tabs_refresh_fifty_times_each(stack: LocalStack):
    _run(stack, "--test-name-pattern=tabs that refresh", TABS="5", REFRESHES="50")


def _run(stack: LocalStack, *options: str, **variables: str) -> None:
    assert CHROMIUM, "The page is tested in Chromium: apt-get install chromium, or set CHROMIUM."
    ran = subprocess.run(  # noqa: S603 - our own tests
        ["node", "--test", "--test-reporter=spec", *options, "tests/browser.test.mjs"],  # noqa: S607
        cwd=WEB,
        env={**os.environ, "BASE_URL": stack.base_url, "CHROMIUM": CHROMIUM, **variables},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]

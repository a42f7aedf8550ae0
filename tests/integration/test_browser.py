"""The page and its element in a real browser, over the deployed stack (web/tests)."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.local.stack import LocalStack

WEB = ROOT / "web"
PAGE = WEB / "dist" / "index.html"
ELEMENT_MAX_BYTES = 35_000
SUITE_SECONDS = 900
"""Generous: the slowest takes a minute, and everything is cold at first."""
SUITES_AT_ONCE = 3
SUITES = sorted((WEB / "tests").glob("*.test.mjs"))


@pytest.fixture(scope="module")
def chromium() -> str:
    """Return what is missing instead of passing without it."""
    assert PAGE.exists(), "The page is not built: make page"
    built = PAGE.stat().st_mtime
    sources = (WEB / "src", ROOT / "clients/typescript/src")
    newer = [
        file
        for folder in sources
        for file in folder.rglob("*")
        if file.is_file() and file.stat().st_mtime > built
    ]
    assert not newer, f"The page is older than {newer[0].relative_to(ROOT)}: make page"
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert found, "The page is tested in Chromium: apt-get install chromium, or set CHROMIUM."
    return found


@pytest.mark.usefixtures("chromium")
def test_the_element_is_small():
    built = (WEB / "dist" / "assets" / "latchkey-settings.js").read_bytes()
    assert len(gzip.compress(built, 9, mtime=0)) <= ELEMENT_MAX_BYTES


@pytest.fixture(scope="module")
def under_way(
    request: pytest.FixtureRequest, stack: LocalStack, chromium: str
) -> Iterator[dict[Path, Future[None]]]:
    """Run the suites beside each other: each waits for pages more than it computes."""
    chosen = {
        suite
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
        if isinstance(suite := item.callspec.params.get("suite"), Path)
    }
    pool = ThreadPoolExecutor(SUITES_AT_ONCE)
    yield {
        suite: pool.submit(_run, stack, chromium, suite) for suite in sorted(chosen, reverse=True)
    }
    pool.shutdown(cancel_futures=True)


@pytest.mark.timeout(SUITE_SECONDS + 10)
@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name.partition(".")[0])
def test_the_page_in_a_browser(under_way: dict[Path, Future[None]], suite: Path):
    under_way[suite].result()


@pytest.mark.slow
@pytest.mark.timeout(SUITE_SECONDS + 10)
def test_every_state_renders_in_every_theme(stack: LocalStack, chromium: str):
    _run(stack, chromium, WEB / "tests" / "states.test.mjs", LOOKS="all")


@pytest.mark.slow
@pytest.mark.timeout(SUITE_SECONDS + 10)
def test_five_tabs_refresh_fifty_times_each(stack: LocalStack, chromium: str):
    _run(stack, chromium, WEB / "tests" / "tabs.test.mjs", TABS="5", REFRESHES="50")


def _run(stack: LocalStack, chromium: str, suite: Path, **variables: str) -> None:
    ran = subprocess.run(  # noqa: S603 - our own tests
        ["node", "--test", "--test-reporter=spec", suite],  # noqa: S607
        cwd=WEB,
        env={**os.environ, "BASE_URL": stack.base_url, "CHROMIUM": chromium, **variables},
        capture_output=True,
        text=True,
        timeout=SUITE_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    assert "skipped 0" in ran.stdout

"""The order and the marks of the tests, their coverage, and the settings of hypothesis."""

from __future__ import annotations

from pathlib import Path

import coverage
import pytest
from hypothesis import settings

from tests.support.heavy import HEAVY, LONGEST

HERE = Path(__file__).parent

# A shared processor makes an example slow, and that is no defect of what is tested.
settings.register_profile("latchkey", deadline=None)
settings.load_profile("latchkey")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test-fast` leaves out, and put the longest files first.

    A worker that begins a long file when the others are done is alone at the end.
    """
    for item in items:
        if _file(item) in HEAVY:
            item.add_marker(pytest.mark.heavy)
    items.sort(key=lambda item: _rank(_file(item)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Save the coverage of a worker now: pytest-xdist kills workers that take long to exit."""
    measured = coverage.Coverage.current()
    if measured is not None and hasattr(session.config, "workerinput"):
        measured.save()


def _file(item: pytest.Item) -> str:
    return str(item.path.relative_to(HERE))


def _rank(file: str) -> int:
    if file in LONGEST:
        return LONGEST.index(file)
    return len(LONGEST) + (file not in HEAVY)

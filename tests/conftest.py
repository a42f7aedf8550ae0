"""Marks what `make test-fast` leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.heavy import HEAVY

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if str(item.path.relative_to(HERE)) in HEAVY:
            item.add_marker(pytest.mark.heavy)

"""Paged lists."""

from __future__ import annotations

from latchkey.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class Slice[Entry]:
    """A page of a list, and the cursor of the next page (None on the last one)."""

    entries: list[Entry]
    next_cursor: str | None

"""A listing in pages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slice[Entry]:
    """One page of a listing, and the cursor that asks for the next one (None: there is none)."""

    entries: list[Entry]
    next_cursor: str | None

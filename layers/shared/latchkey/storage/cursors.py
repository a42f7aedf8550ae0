"""Cursors: where the next page of a listing starts, in a form that says nothing to the client.

A cursor carries a position, never a partition: whose listing it is comes from the caller, every
time. So one that was made up, or taken from somebody else, can at worst skip rows of the caller's
own listing, and needs no signature. What it does carry of its listing is a digest, so that a cursor
that wandered into another one is refused instead of starting somewhere at random.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from latchkey.domain.errors import InvalidCursor, Problem, ProblemCode
from latchkey.domain.ids import is_id
from latchkey.domain.limits import CURSOR_MAX_CHARACTERS
from latchkey.domain.paging import Slice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from latchkey.storage.table import Item, Query, Table, Value

_VERSION = 1
_KEY_MAX_BYTES = 1024
"""DynamoDB's bound of a sort key; beyond it a query is an error of ours."""


def read_page[Entry](
    table: Table,
    query: Query,
    read: Callable[[Item], Entry],
    *,
    pattern: str,
    cursor: str | None,
) -> Slice[Entry]:
    """Read one page of a query, from the cursor on.

    pattern  names the listing and its filters: a cursor of one is refused by another
    query    has a limit and no start

    Raises InvalidCursor.
    """
    binding = _binding(query, pattern)
    start = None if cursor is None else _decode(cursor, query, binding)
    page = table.query(replace(query, start_after=start))
    following = None if page.next_start is None else _encode(page.next_start, query, binding)
    return Slice([read(item) for item in page.items], following)


def write_position(position: str, binding: str) -> str:
    """Make the cursor of a listing that no single query is behind."""
    digest = hashlib.sha256(binding.encode()).hexdigest()[:16]
    text = json.dumps([_VERSION, digest, position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _is_row_id(position: str) -> bool:
    return is_id("row", f"row_{position}")


def read_position(
    cursor: str, binding: str, *, is_position: Callable[[str], bool] = _is_row_id
) -> str:
    """Read such a cursor back.

    is_position  whether a text has the form of this listing's positions

    Raises InvalidCursor.
    """
    content: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        cut = cursor[:CURSOR_MAX_CHARACTERS]
        padded = cut.encode("ascii") + b"=" * (-len(cut) % 4)
        content = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    # Only one that is written again the same was ours, and of this listing.
    position = str(content[-1]) if isinstance(content, list) and content else ""
    if not is_position(position) or write_position(position, binding) != cursor:
        words = "Send next_cursor of the page before, unchanged, or no cursor."
        raise InvalidCursor(Problem("cursor", ProblemCode.INVALID_CURSOR, words))
    return position


def _binding(query: Query, pattern: str) -> str:
    parts = (pattern, query.table, query.index, query.partition, query.prefix, query.newest_first)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _partition_name(query: Query) -> str:
    return f"{query.index}pk" if query.index else "pk"


def _position_names(query: Query) -> list[str]:
    return ["pk", "sk", f"{query.index}sk"] if query.index else ["sk"]


def _encode(start: Mapping[str, Value], query: Query, binding: str) -> str:
    position = [start[name] for name in _position_names(query)]
    text = json.dumps([_VERSION, binding, *position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _decode(cursor: str, query: Query, binding: str) -> dict[str, Value]:
    names = _position_names(query)
    match _content(cursor):
        case [version, bound_to, *position] if (
            (version, bound_to, len(position)) == (_VERSION, binding, len(names))
            and all(_is_key(part) for part in position)
            and _within(query, position[-1])
        ):
            start = dict(zip(names, position, strict=True))
            return {**start, _partition_name(query): query.partition}
    words = "Send next_cursor of the page before, unchanged, or no cursor."
    raise InvalidCursor(Problem("cursor", ProblemCode.INVALID_CURSOR, words))


def _content(cursor: str) -> Any:
    if len(cursor) > CURSOR_MAX_CHARACTERS:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        return None


def _is_key(part: object) -> bool:
    # Printable also excludes lone surrogates, which have no UTF-8 form.
    if not isinstance(part, str) or not part.isprintable():
        return False
    return 1 <= len(part.encode()) <= _KEY_MAX_BYTES


def _within(query: Query, sort_key: str) -> bool:
    """DynamoDB refuses to start outside of what the query asks for."""
    if query.between is not None:
        low, high = query.between
        return low <= sort_key <= high
    return sort_key.startswith(query.prefix)

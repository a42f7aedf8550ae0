"""Cursors: the start of the next page of a list, opaque to clients.

A cursor has a position but no partition key: the caller determines whose list is read. A forged or
stolen cursor can at worst skip rows of the caller's own list, so cursors need no signature. A
digest of the list is part of the cursor, so that a cursor of another list is refused.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from typing import TYPE_CHECKING, Any

from latchkey.domain.errors import InvalidCursor, Problem, ProblemCode
from latchkey.domain.ids import is_id
from latchkey.domain.limits import CURSOR_MAX_CHARACTERS
from latchkey.domain.paging import Slice
from latchkey.domain.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from latchkey.storage.table import Item, Query, Table, Value

_VERSION = 1
_KEY_MAX_BYTES = 1024
"""DynamoDB's maximum length of a sort key. A query with a longer one fails."""


def read_page[Entry](
    table: Table,
    query: Query,
    read: Callable[[Item], Entry],
    *,
    pattern: str,
    cursor: str | None,
) -> Slice[Entry]:
    """Read the page of a query that starts at the cursor.

    pattern  identifies the list and its filters; cursors of other lists are refused
    query    has a limit and no start

    Raises InvalidCursor.
    """
    binding = _binding(query, pattern)
    start = None if cursor is None else _decode(cursor, query, binding)
    page = table.query(replace(query, start_after=start))
    following = None if page.next_start is None else _encode(page.next_start, query, binding)
    return Slice([read(item) for item in page.items], following)


def read_merged_page(
    table: Table,
    queries: Sequence[Query],
    *,
    pattern: str,
    cursor: str | None,
    limit: int,
) -> Slice[Item]:
    """Read the page of several queries merged by their sort keys, newest first.

    queries  shards of one list: same bounds, no limit and no start; their sort keys are unique

    Raises InvalidCursor.
    """
    first = queries[0]
    assert first.between is not None  # noqa: S101 - a query without bounds is a bug of ours
    low, high = first.between
    name = f"{first.index}sk" if first.index else "sk"
    binding = f"merged|{pattern}"
    before = high
    if cursor is not None:
        before = read_position(
            cursor, binding, is_position=lambda at: _is_key(at) and low <= at <= high
        )
    # One more than the page shows whether there is a next page, and one is the bound itself.
    found = [
        item
        for query in queries
        for item in table.query(
            replace(query, between=(low, before), newest_first=True, limit=limit + 2)
        ).items
        if cursor is None or str(item[name]) != before
    ]
    found.sort(key=lambda item: str(item[name]), reverse=True)
    page = found[:limit]
    is_last = len(found) <= limit
    return Slice(page, None if is_last else write_position(str(page[-1][name]), binding))


def write_position(position: str, binding: str) -> str:
    """Return the cursor of a list that is not a single query."""
    digest = hashlib.sha256(binding.encode()).hexdigest()[:16]
    text = json.dumps([_VERSION, digest, position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _is_row_id(position: str) -> bool:
    return is_id("row", f"row_{position}")


def read_position(
    cursor: str, binding: str, *, is_position: Callable[[str], bool] = _is_row_id
) -> str:
    """Parse such a cursor.

    Cursors are not signed, so the caller must keep the position within the bounds of its list.

    is_position  whether a text has the form of this listing's positions

    Raises InvalidCursor.
    """
    content: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        cut = cursor[:CURSOR_MAX_CHARACTERS]
        padded = cut.encode("ascii") + b"=" * (-len(cut) % 4)
        content = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    # A canonical cursor of this list encodes to itself.
    position = str(content[-1]) if isinstance(content, list) and content else ""
    if not is_position(position) or write_position(position, binding) != cursor:
        message = "Send next_cursor of the previous page unchanged, or no cursor."
        raise InvalidCursor(Problem("cursor", ProblemCode.INVALID_CURSOR, message))
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
    message = "Send next_cursor of the previous page unchanged, or no cursor."
    raise InvalidCursor(Problem("cursor", ProblemCode.INVALID_CURSOR, message))


def _content(cursor: str) -> Any:
    if len(cursor) > CURSOR_MAX_CHARACTERS:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        return None


def _is_key(part: object) -> bool:
    # isprintable() also excludes lone surrogates, which have no UTF-8 form.
    if not isinstance(part, str) or not part.isprintable():
        return False
    return 1 <= len(part.encode()) <= _KEY_MAX_BYTES


def _within(query: Query, sort_key: str) -> bool:
    """DynamoDB refuses a start outside the query's range."""
    if query.between is not None:
        low, high = query.between
        return low <= sort_key <= high
    return sort_key.startswith(query.prefix)

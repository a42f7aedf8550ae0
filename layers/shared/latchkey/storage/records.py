"""Converts dataclasses to items and back: times are epoch milliseconds, None is omitted.

Unknown attributes are ignored and absent ones get the field's default, so that an old and a new
version of a function can share the table during a deploy.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from latchkey.domain import account, audit, ids, request, session
from latchkey.domain.clock import from_milliseconds, to_milliseconds

if TYPE_CHECKING:
    from latchkey.storage.table import Item, Value


# The domain imports types only for annotations, to stay light and free of cycles. Here they are
# needed at run time.
_NAMES = {
    name: value
    for module in (account, audit, request, session)
    for name, value in vars(module).items()
    if isinstance(value, type)
} | {"datetime": datetime}
_NAMES |= {name: str for name, kind in vars(ids).items() if isinstance(kind, typing.NewType)}


def to_item(record: Any) -> Item:
    """Encode a dataclass as attributes."""
    names = (field.name for field in dataclasses.fields(record))
    values = ((name, getattr(record, name)) for name in names)
    return {name: to_value(value) for name, value in values if value is not None}


def to_value(value: Any) -> Value:
    """Encode a field as an attribute's value."""
    match value:
        case datetime():
            return to_milliseconds(value)
        case StrEnum():
            return value.value
        case tuple() | list():
            return [to_value(part) for part in value]
        case dict():
            return {name: to_value(part) for name, part in value.items()}
        case _ if dataclasses.is_dataclass(value):
            return to_item(value)
    return value  # type: ignore[no-any-return]


def from_item[Record](kind: type[Record], item: Item) -> Record:
    """Decode a dataclass from attributes."""
    hints: dict[str, Any] = _hints(cast("Any", kind))
    known = {name: hint for name, hint in hints.items() if item.get(name) is not None}
    return kind(**{name: _from_value(hint, item[name]) for name, hint in known.items()})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind, localns=_NAMES)
    return {field.name: _without_none(hints[field.name]) for field in dataclasses.fields(kind)}


def _without_none(hint: Any) -> Any:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        (hint,) = (part for part in typing.get_args(hint) if part is not type(None))
    return hint


def _from_value(hint: Any, value: Value) -> Any:
    if hint is datetime:
        return from_milliseconds(int(str(value)))
    if typing.get_origin(hint) is tuple and isinstance(value, list):
        part = typing.get_args(hint)[0]
        return tuple(_from_value(part, element) for element in value)
    if isinstance(hint, type):
        if issubclass(hint, StrEnum):
            return hint(str(value))
        if dataclasses.is_dataclass(hint) and isinstance(value, dict):
            return from_item(hint, value)
    return value

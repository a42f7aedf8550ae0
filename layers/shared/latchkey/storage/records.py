"""Converts dataclasses to items and back: times are epoch milliseconds, None is omitted.

Unknown attributes are ignored and absent ones get the field's default, so that an old and a new
version of a function can share the table during a deploy.
"""

from __future__ import annotations

import types
import typing
from datetime import datetime
from enum import StrEnum
from functools import cache, partial
from typing import TYPE_CHECKING, Any, cast

from latchkey.domain import account, audit, ids, request, session
from latchkey.domain.clock import from_milliseconds, to_milliseconds
from latchkey.domain.values import field_names, is_dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from latchkey.storage.table import Item, Value

    type Decode = Callable[[Any], Any]


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
    values = ((name, getattr(record, name)) for name in field_names(record))
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
        case _ if is_dataclass(value):
            return to_item(value)
    return value  # type: ignore[no-any-return]


def from_item[Record](kind: type[Record], item: Item) -> Record:
    """Decode a dataclass from attributes."""
    values = {}
    for name, decode in _decoders(cast("Any", kind)):
        value = item.get(name)
        if value is not None:
            values[name] = value if decode is None else decode(value)
    return kind(**values)


@cache
def _decoders(kind: Any) -> list[tuple[str, Decode | None]]:
    """Return the fields of a dataclass, and how to decode their attributes. None: as they are."""
    hints = typing.get_type_hints(kind, localns=_NAMES)
    return [(name, _decoder(_without_none(hints[name]))) for name in field_names(kind)]


def _without_none(hint: Any) -> Any:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        (hint,) = (part for part in typing.get_args(hint) if part is not type(None))
    return hint


def _decoder(hint: Any) -> Decode | None:
    if hint is datetime:
        return _time
    if typing.get_origin(hint) is tuple:
        return partial(_tuple, _decoder(typing.get_args(hint)[0]))
    if isinstance(hint, type):
        if issubclass(hint, StrEnum):
            return lambda value: hint(str(value))
        if is_dataclass(hint):
            return partial(_record, hint)
    return None


def _time(value: Any) -> datetime:
    return from_milliseconds(value if type(value) is int else int(str(value)))


def _tuple(decode: Decode | None, value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return tuple(value if decode is None else map(decode, value))


def _record(kind: type, value: Any) -> Any:
    return from_item(kind, value) if isinstance(value, dict) else value

"""Query parameters that an endpoint declares. Each parses its text and describes its schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from latchkey.domain.clock import parse_time
from latchkey.domain.errors import InvalidInput, Problem, ProblemCode
from latchkey.domain.ids import id_pattern, is_id
from latchkey.domain.limits import (
    CURSOR_MAX_CHARACTERS,
    PAGE_DEFAULT_ITEMS,
    PAGE_MAX_ITEMS,
    REASON_MAX_CHARACTERS,
)
from latchkey.domain.text import REPLACEMENT_CHARACTER, readable_part, to_kept_form

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from enum import StrEnum


WORD_MAX_CHARACTERS = 254
"""Maximum length of a search term. Source: EMAIL_MAX_CHARACTERS, the longest one."""


TEXT_FORMAT = "text"
"""The contract's format of text for people. `domain.text` lists the allowed characters."""


NETWORK_FORMAT = "ip-or-network"
"""The contract's format of an IP address or a network. The search limits the network's size."""


class Parameter(Protocol):
    """One query parameter."""

    @property
    def description(self) -> str:
        """What the parameter means."""
        ...

    @property
    def default(self) -> Any:
        """The value if the parameter was not sent."""
        ...

    def read(self, name: str, text: str) -> Any:
        """Parse the text. Raises InvalidInput."""
        ...

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of a few values."""

    options: tuple[str, ...]
    default: str
    description: str

    def read(self, name: str, text: str) -> str:
        """Return the text if it is an option. Raises InvalidInput."""
        if text not in self.options:
            words = f"Send one of: {', '.join(self.options)}."
            raise InvalidInput(Problem(name, ProblemCode.NOT_AN_OPTION, words))
        return text

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        return {"type": "string", "enum": list(self.options), "default": self.default}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """True or false; false by default."""

    description: str
    default: bool = False

    def read(self, name: str, text: str) -> bool:
        """Parse `true` or `false`. Raises InvalidInput."""
        if text not in {"true", "false"}:
            raise InvalidInput(Problem(name, ProblemCode.NOT_AN_OPTION, "Send true or false."))
        return text == "true"

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        return {"type": "boolean", "default": self.default}


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text; None by default."""

    description: str
    max_characters: int = WORD_MAX_CHARACTERS
    format: str = TEXT_FORMAT
    default: None = None

    def read(self, name: str, text: str) -> str:
        """Return the text in its stored form. Raises InvalidInput."""
        kept = to_kept_form(text)
        if 1 <= len(kept) <= self.max_characters and readable_part(kept) == kept:
            return kept
        words = f"Send 1 to {self.max_characters} printable characters."
        raise InvalidInput(Problem(name, ProblemCode.INVALID, words))

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        bounds = {"minLength": 1, "maxLength": self.max_characters}
        return {"type": "string", "format": self.format, **bounds}


HARD = Flag(description="Erase at once, without the grace period. The account can't be restored.")
"""Deletes an account at once. Requires a recent authentication."""


REASON = Text(
    description="Why the administrator does this. The person can read it in their history.",
    max_characters=REASON_MAX_CHARACTERS,
)
"""For operations whose body has no `reason`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSize:
    """The number of entries on a page."""

    default: int = PAGE_DEFAULT_ITEMS
    description: str = "Entries per page."

    def read(self, name: str, text: str) -> int:
        """Parse decimal digits. Raises InvalidInput."""
        if text.isascii() and text.isdigit() and len(text) <= len(str(PAGE_MAX_ITEMS)):
            number = int(text)
            if 1 <= number <= PAGE_MAX_ITEMS:
                return number
        words = f"Send a whole number from 1 to {PAGE_MAX_ITEMS}."
        raise InvalidInput(Problem(name, ProblemCode.OUT_OF_RANGE, words))

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        bounds = {"minimum": 1, "maximum": PAGE_MAX_ITEMS}
        return {"type": "integer", **bounds, "default": self.default}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The start of the page. `storage.cursors` verifies it."""

    default: None = None
    description: str = "`next_cursor` of the previous page."

    def read(self, name: str, text: str) -> str:
        """Return the text as it is. Only the list that issued a cursor can read it."""
        del name
        return text

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        return {"type": "string", "maxLength": CURSOR_MAX_CHARACTERS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """An id; None by default."""

    prefix: str
    description: str
    default: None = None

    def read(self, name: str, text: str) -> str:
        """Check the form of an id. Nothing is looked up. Raises InvalidInput."""
        if not is_id(self.prefix, text):
            raise InvalidInput(
                Problem(name, ProblemCode.NOT_AN_ID, f"Send an id: {self.prefix}_….")
            )
        return text

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        return {"type": "string", "pattern": id_pattern(self.prefix)}


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf[Word: StrEnum]:
    """A value of an enumeration; None by default."""

    words: type[Word]
    description: str
    default: None = None

    def read(self, name: str, text: str) -> Word:
        """Parse a value. Raises InvalidInput."""
        if text not in self.words:
            raise InvalidInput(
                Problem(name, ProblemCode.NOT_AN_OPTION, "Send one of the documented values.")
            )
        return self.words(text)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        return {"type": "string", "enum": [word.value for word in self.words]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """A time with its zone; None by default."""

    description: str
    default: None = None

    def read(self, name: str, text: str) -> datetime:
        """Parse an RFC 3339 time. Raises InvalidInput."""
        try:
            return parse_time(text)
        except ValueError:
            raise InvalidInput(Problem(name, ProblemCode.NOT_A_TIME, TIME_WORDS)) from None

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        return {"type": "string", "format": "date-time"}


TIME_WORDS = "Send a time with its zone: 2026-01-02T03:04:05Z."

PAGING: Mapping[str, Parameter] = {"limit": PageSize(), "cursor": Cursor()}
"""The query of a paged list."""


def read_query(declared: Mapping[str, Parameter], sent: Mapping[str, str]) -> dict[str, Any]:
    """Parse all query parameters of a request. Raises InvalidInput for an unknown one."""
    for name in sent:
        if name not in declared:
            words = "This endpoint has no such query parameter. Remove it."
            raise InvalidInput(Problem(name[:64], ProblemCode.UNKNOWN_PARAMETER, words))
        if REPLACEMENT_CHARACTER in sent[name]:
            raise InvalidInput(Problem(name, ProblemCode.INVALID, "Send text in UTF-8."))
    return {
        name: parameter.read(name, sent[name]) if name in sent else parameter.default
        for name, parameter in declared.items()
    }

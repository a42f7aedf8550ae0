"""Query parameters, declared by an endpoint: each knows how to read itself and its schema."""

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
"""Of what is searched for: an e-mail address is the longest. Source: EMAIL_MAX_CHARACTERS."""


TEXT_FORMAT = "text"
"""Marks text that people read in the contract; `domain.text` says which characters it may have."""


NETWORK_FORMAT = "ip-or-network"
"""Marks an address or a network in the contract; the search says how large a network may be."""


class Parameter(Protocol):
    """One query parameter."""

    @property
    def description(self) -> str:
        """What it is for."""
        ...

    @property
    def default(self) -> Any:
        """What it is when it was not sent."""
        ...

    def read(self, name: str, text: str) -> Any:
        """Read what was sent. Raises InvalidInput."""
        ...

    def schema(self) -> dict[str, Any]:
        """Describe it in JSON Schema."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]
    default: str
    description: str

    def read(self, name: str, text: str) -> str:
        """Read what was sent."""
        if text not in self.options:
            words = f"Send one of: {', '.join(self.options)}."
            raise InvalidInput(Problem(name, ProblemCode.NOT_AN_OPTION, words))
        return text

    def schema(self) -> dict[str, Any]:
        """Describe it in JSON Schema."""
        return {"type": "string", "enum": list(self.options), "default": self.default}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Yes or no; no unless it is said."""

    description: str
    default: bool = False

    def read(self, name: str, text: str) -> bool:
        """Read what was sent."""
        if text not in {"true", "false"}:
            raise InvalidInput(Problem(name, ProblemCode.NOT_AN_OPTION, "Send true or false."))
        return text == "true"

    def schema(self) -> dict[str, Any]:
        """Describe it in JSON Schema."""
        return {"type": "boolean", "default": self.default}


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Some characters; None when it was not sent."""

    description: str
    max_characters: int = WORD_MAX_CHARACTERS
    format: str = TEXT_FORMAT
    default: None = None

    def read(self, name: str, text: str) -> str:
        """Read what was sent."""
        kept = to_kept_form(text)
        if 1 <= len(kept) <= self.max_characters and readable_part(kept) == kept:
            return kept
        words = f"Send 1 to {self.max_characters} characters that can be shown."
        raise InvalidInput(Problem(name, ProblemCode.INVALID, words))

    def schema(self) -> dict[str, Any]:
        """Describe it in JSON Schema."""
        bounds = {"minLength": 1, "maxLength": self.max_characters}
        return {"type": "string", "format": self.format, **bounds}


HARD = Flag(
    description="Erase at once instead of after the grace period. Nobody can restore it then."
)
"""Of deleting an account; asks for a recent authentication."""


REASON = Text(
    description="Why an administrator does this. The person can read it in their history.",
    max_characters=REASON_MAX_CHARACTERS,
)
"""Of an operation whose body is something else, or that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSize:
    """How many entries a page has."""

    default: int = PAGE_DEFAULT_ITEMS
    description: str = "Entries a page."

    def read(self, name: str, text: str) -> int:
        """Read what was sent: decimal digits and nothing else."""
        if text.isascii() and text.isdigit() and len(text) <= len(str(PAGE_MAX_ITEMS)):
            number = int(text)
            if 1 <= number <= PAGE_MAX_ITEMS:
                return number
        words = f"Send a whole number from 1 to {PAGE_MAX_ITEMS}."
        raise InvalidInput(Problem(name, ProblemCode.OUT_OF_RANGE, words))

    def schema(self) -> dict[str, Any]:
        """Describe it in JSON Schema."""
        bounds = {"minimum": 1, "maximum": PAGE_MAX_ITEMS}
        return {"type": "integer", **bounds, "default": self.default}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where the page starts; `storage.cursors` decides whether it is one of ours."""

    default: None = None
    description: str = "`next_cursor` of the page before."

    def read(self, name: str, text: str) -> str:
        """Take it as it is: it says nothing to anybody but the listing it came from."""
        del name
        return text

    def schema(self) -> dict[str, Any]:
        """Describe it in JSON Schema."""
        return {"type": "string", "maxLength": CURSOR_MAX_CHARACTERS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """The id of something, or None when it is not sent."""

    prefix: str
    description: str
    default: None = None

    def read(self, name: str, text: str) -> str:
        """Read what was sent; nothing is looked up."""
        if not is_id(self.prefix, text):
            raise InvalidInput(
                Problem(name, ProblemCode.NOT_AN_ID, f"Send an id: {self.prefix}_….")
            )
        return text

    def schema(self) -> dict[str, Any]:
        """Describe it in JSON Schema."""
        return {"type": "string", "pattern": id_pattern(self.prefix)}


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf[Word: StrEnum]:
    """A word of an enumeration, or None when it is not sent."""

    words: type[Word]
    description: str
    default: None = None

    def read(self, name: str, text: str) -> Word:
        """Read what was sent."""
        if text not in self.words:
            raise InvalidInput(
                Problem(name, ProblemCode.NOT_AN_OPTION, "Send one of the documented words.")
            )
        return self.words(text)

    def schema(self) -> dict[str, Any]:
        """Describe it in JSON Schema."""
        return {"type": "string", "enum": [word.value for word in self.words]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """A time with its zone, or None when it is not sent."""

    description: str
    default: None = None

    def read(self, name: str, text: str) -> datetime:
        """Read what was sent. Source: RFC 3339."""
        try:
            return parse_time(text)
        except ValueError:
            raise InvalidInput(Problem(name, ProblemCode.NOT_A_TIME, TIME_WORDS)) from None

    def schema(self) -> dict[str, Any]:
        """Describe it in JSON Schema."""
        return {"type": "string", "format": "date-time"}


TIME_WORDS = "Send a time with its zone: 2026-01-02T03:04:05Z."

PAGING: Mapping[str, Parameter] = {"limit": PageSize(), "cursor": Cursor()}
"""The query of a listing in pages."""


def read_query(declared: Mapping[str, Parameter], sent: Mapping[str, str]) -> dict[str, Any]:
    """Read all of a request's query parameters; one that nobody declared is refused."""
    for name in sent:
        if name not in declared:
            words = "This endpoint has no such query parameter."
            raise InvalidInput(Problem(name[:64], ProblemCode.UNKNOWN_PARAMETER, words))
        if REPLACEMENT_CHARACTER in sent[name]:
            raise InvalidInput(Problem(name, ProblemCode.INVALID, "Send text in UTF-8."))
    return {
        name: parameter.read(name, sent[name]) if name in sent else parameter.default
        for name, parameter in declared.items()
    }

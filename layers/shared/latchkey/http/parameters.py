"""Query parameters, declared by an endpoint: each knows how to read itself and its schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from latchkey.domain.errors import InvalidInput, Problem
from latchkey.domain.limits import CURSOR_MAX_CHARACTERS, PAGE_DEFAULT_ITEMS, PAGE_MAX_ITEMS

if TYPE_CHECKING:
    from collections.abc import Mapping


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
            raise InvalidInput(Problem(name, "NOT_AN_OPTION", words))
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
            raise InvalidInput(Problem(name, "NOT_AN_OPTION", "Send true or false."))
        return text == "true"

    def schema(self) -> dict[str, Any]:
        """Describe it in JSON Schema."""
        return {"type": "boolean", "default": self.default}


HARD = Flag(
    description="Erase at once instead of after the grace period. Nobody can restore it then."
)
"""Of deleting an account; asks for a recent authentication."""


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
        raise InvalidInput(Problem(name, "OUT_OF_RANGE", words))

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


PAGING: Mapping[str, Parameter] = {"limit": PageSize(), "cursor": Cursor()}
"""The query of a listing in pages."""


def read_query(declared: Mapping[str, Parameter], sent: Mapping[str, str]) -> dict[str, Any]:
    """Read all of a request's query parameters; one that nobody declared is refused."""
    for name in sent:
        if name not in declared:
            words = "This endpoint has no such query parameter."
            raise InvalidInput(Problem(name[:64], "UNKNOWN_PARAMETER", words))
    return {
        name: parameter.read(name, sent[name]) if name in sent else parameter.default
        for name, parameter in declared.items()
    }

"""Bodies of the administrators' operations."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from latchkey.domain.account import Role
from latchkey.domain.errors import ProblemCode
from latchkey.domain.limits import REASON_MAX_CHARACTERS
from latchkey.domain.search import SessionFilter
from latchkey.http.bodies.fields import (
    NETWORK_FORMAT,
    WORD_MAX_CHARACTERS,
    Moment,
    UserId,
    readable,
    shown_schema,
    string_required,
)
from latchkey.http.bodies.validation import Body


def _word(text: str) -> str:
    return readable(text, WORD_MAX_CHARACTERS)


def _reason(text: str) -> str:
    return readable(text, REASON_MAX_CHARACTERS)


Word = Annotated[
    str, AfterValidator(_word), Field(json_schema_extra=shown_schema(WORD_MAX_CHARACTERS))
]
Network = Annotated[
    Word, Field(json_schema_extra={"format": NETWORK_FORMAT, "maxLength": WORD_MAX_CHARACTERS})
]
Country = Annotated[Word, Field(max_length=2)]
Reason = Annotated[
    str, AfterValidator(_reason), Field(json_schema_extra=shown_schema(REASON_MAX_CHARACTERS))
]


class ReasonBody(Body):
    """Why the administrator does this. The audit row stores it, and the person can read it."""

    reason: Reason | None = None


class RoleBody(ReasonBody):
    """A new role."""

    role: Literal["user", "admin"]

    @property
    def value(self) -> Role:
        """The role as the domain's type."""
        return Role(self.role)


_FILTER = ("user_id", "ip", "device", "country", "created_from", "created_to")


class RevocationBody(Body):
    """A filter of active sessions to end, with at least one parameter of `GET /sessions`.

    A request with a `confirmation` ends the sessions. A request without one is a dry run.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": string_required(*_FILTER),
            "not": {
                "properties": {"dry_run": {"const": True}, "confirmation": {"type": "string"}},
                "required": ["dry_run", "confirmation"],
            },
        }
    )

    user_id: UserId | None = None
    ip: Network | None = None
    device: Word | None = None
    country: Country | None = None
    created_from: Moment | None = None
    created_to: Moment | None = None
    dry_run: bool | None = None
    confirmation: Word | None = None
    reason: Reason | None = None

    @property
    def is_dry_run(self) -> bool:
        """Return whether this is a dry run. By default a request without a confirmation is one."""
        return self.confirmation is None if self.dry_run is None else self.dry_run

    @property
    def filter(self) -> SessionFilter:
        """The filter as the domain's type."""
        return SessionFilter(
            user_id=self.user_id,
            ip=self.ip,
            device=self.device,
            country=self.country,
            created_from=self.created_from,
            created_to=self.created_to,
        )

    @model_validator(mode="after")
    def _is_a_filter(self) -> Self:
        # An empty filter is an error, so that a forgotten field does not end everybody's sessions.
        if all(getattr(self, name) is None for name in _FILTER):
            raise PydanticCustomError(
                ProblemCode.REQUIRED, "Send at least one field of the filter."
            )
        if self.dry_run and self.confirmation is not None:
            raise PydanticCustomError(
                ProblemCode.INVALID, "A dry run takes no confirmation. Send one or the other."
            )
        return self

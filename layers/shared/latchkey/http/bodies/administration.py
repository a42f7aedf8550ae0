"""Bodies of the administrators' desk."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from latchkey.domain.account import Role
from latchkey.domain.errors import ProblemCode
from latchkey.domain.ids import is_id
from latchkey.domain.search import SessionFilter
from latchkey.http.bodies.validation import Body
from latchkey.http.parameters import FIRST_YEAR, LAST_YEAR


def _printable(text: str) -> str:
    if not text.isprintable():
        raise PydanticCustomError(ProblemCode.FORBIDDEN_CHARACTER, "Send printable characters.")
    return text


def _user_id(text: str) -> str:
    if not is_id("usr", text):
        raise PydanticCustomError(ProblemCode.NOT_AN_ID, "Send an id: usr_….")
    return text


def _utc(at: datetime) -> datetime:
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise PydanticCustomError(
            ProblemCode.NOT_A_TIME, "Send a time with its zone: 2026-01-02T03:04:05Z."
        )
    return at.astimezone(UTC)


Word = Annotated[str, StringConstraints(min_length=1, max_length=254), AfterValidator(_printable)]
Moment = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_utc)]


class RoleBody(Body):
    """Somebody's role."""

    role: Literal["user", "admin"]

    @property
    def value(self) -> Role:
        """The role."""
        return Role(self.role)


class RevocationBody(Body):
    """Which active sessions to end; the filter of `GET /sessions`, and at least one field of it."""

    user_id: Annotated[str, AfterValidator(_user_id)] | None = None
    ip: Word | None = None
    device: Word | None = None
    country: Annotated[Word, Field(max_length=2)] | None = None
    created_from: Moment | None = None
    created_to: Moment | None = None
    dry_run: bool = True
    confirmation: Word | None = None

    @property
    def filter(self) -> SessionFilter:
        """What is wanted."""
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
        # Everybody's sessions are not ended by what was left out, but by a time from which on.
        if not self.model_fields_set - {"dry_run", "confirmation"}:
            raise PydanticCustomError(
                ProblemCode.REQUIRED, "Send at least one field of the filter."
            )
        return self

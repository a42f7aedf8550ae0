"""Bodies of the administrators' desk."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from latchkey.domain.account import Role
from latchkey.domain.search import SessionFilter
from latchkey.http.bodies.validation import Body

Word = Annotated[str, StringConstraints(min_length=1, max_length=254)]
Moment = Annotated[AwareDatetime, Field(strict=False)]


class RoleBody(Body):
    """Somebody's role."""

    role: Literal["user", "admin"]

    @property
    def value(self) -> Role:
        """The role."""
        return Role(self.role)


class RevocationBody(Body):
    """Which active sessions to end; the filter of `GET /sessions`, and at least one field of it."""

    user_id: Word | None = None
    ip: Word | None = None
    device: Word | None = None
    country: Word | None = None
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
            created_from=_utc(self.created_from),
            created_to=_utc(self.created_to),
        )


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)

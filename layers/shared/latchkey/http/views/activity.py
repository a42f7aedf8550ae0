"""The history of the caller's account."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from latchkey.domain.activity_texts import describe_row
from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from latchkey.domain.language import Language
    from latchkey.domain.paging import Slice
    from latchkey.flows.activity import ActivityEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityView:
    """One event."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    id: str
    at: datetime
    action: str
    """For programs, such as `session.revoked.by_owner`. Values are added and never renamed."""
    description: str
    """For people, in the language of the response."""
    outcome: str
    """`OK`, or the code of the error."""
    device_name: str | None
    """The device that was affected."""
    from_device_name: str | None
    """The device that was used."""
    ip_address: str | None
    session_id: str | None
    """The session that was used."""
    changed: list[str]
    """The names of the changed fields."""
    reason: str | None
    """The administrator's reason, in their words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityListView:
    """A page of the history, newest first."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    activity: list[ActivityView]
    next_cursor: str | None
    """The cursor of the next page. Null on the last page."""

    @classmethod
    def of(cls, page: Slice[ActivityEntry], language: Language) -> ActivityListView:
        """Return a page in a language."""
        views = [_view(entry, language) for entry in page.entries]
        return cls(activity=views, next_cursor=page.next_cursor)


def _view(entry: ActivityEntry, language: Language) -> ActivityView:
    row, personal = entry.row, entry.personal
    return ActivityView(
        id=row.id,
        at=row.at,
        action=row.action.value,
        description=describe_row(row, personal, language),
        outcome=row.outcome,
        device_name=personal.get("device"),
        from_device_name=personal.get("from_device"),
        ip_address=personal.get("ip_address"),
        session_id=row.session_id,
        changed=list(row.changed),
        reason=personal.get("reason"),
    )

"""A person's own history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from latchkey.domain.audit_words import describe_row

if TYPE_CHECKING:
    from latchkey.domain.language import Language
    from latchkey.domain.paging import Slice
    from latchkey.flows.activity import ActivityEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityView:
    """One thing that happened."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    id: str
    at: datetime
    action: str
    """For programs: `session.revoked.by_owner`. New ones are added, none is ever renamed."""
    description: str
    """For the person, in the language that the request asks for."""
    outcome: str
    """`OK`, or the code of the error that it ended with."""
    device_name: str | None
    """The device that it happened to."""
    from_device_name: str | None
    """The device that it was done from."""
    ip_address: str | None
    session_id: str | None
    """The session that it was done in."""
    changed: list[str]
    """Names of the fields that were changed."""
    reason: str | None
    """Why an administrator did this, in their words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityListView:
    """A page of a history, newest first."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    activity: list[ActivityView]
    next_cursor: str | None
    """Asks for the next page; null on the last one."""

    @classmethod
    def of(cls, page: Slice[ActivityEntry], language: Language) -> ActivityListView:
        """Show a page in a language."""
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

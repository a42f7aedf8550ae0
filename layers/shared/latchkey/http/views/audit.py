"""The audit trail as administrators see it: pseudonyms, and nothing of what is sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latchkey.domain.paging import Slice
    from latchkey.flows.audit_search import FoundRow


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRowView:
    """A row of the trail."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    id: str
    at: datetime
    action: str
    """`subject.event[.by_whom]`: `session.revoked.by_owner`."""
    outcome: str
    """`OK`, or the code of the error that it ended with."""
    reason: str | None
    operation: str | None
    """The endpoint, for the row of a request."""
    subject: str | None
    """The pseudonym of the person that it is about; nothing leads from it to somebody erased."""
    actor: str
    """The pseudonym of who did it; `system` for a schedule, `unknown` for nobody we know."""
    session_id: str | None
    targets: list[str]
    changed: list[str]
    """Names of the fields that were changed, never their values."""
    given_reason: str | None
    """The reason an administrator gave; shown in a search by user_id."""
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditListView:
    """A page of the trail, newest first."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    rows: list[AuditRowView]
    next_cursor: str | None
    """Asks for the next page, which may be short; null on the last one."""

    @classmethod
    def of(cls, page: Slice[FoundRow]) -> AuditListView:
        """Show a page."""
        return cls(rows=[_view(found) for found in page.entries], next_cursor=page.next_cursor)


def _view(found: FoundRow) -> AuditRowView:
    row = found.row
    return AuditRowView(
        id=row.id,
        at=row.at,
        action=row.action.value,
        outcome=row.outcome,
        reason=row.reason,
        operation=row.operation,
        subject=row.subject_id,
        actor=row.actor,
        session_id=row.session_id,
        targets=list(row.targets),
        changed=list(row.changed),
        given_reason=found.given_reason,
        request_id=row.request_id,
    )

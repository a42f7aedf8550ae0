"""The audit trail as administrators see it: pseudonyms, and no sealed data except the reason."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from latchkey.domain.audit import RequestCount
    from latchkey.flows.audit_search import FoundPage, FoundRow


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCountView:
    """A number of requests in a minute."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    minute: datetime
    operation: str
    """The operation, `gateway` with the route if API Gateway answered, or `other`."""
    outcome: str
    """`OK`, the code of the error, or `other`."""
    network: str | None
    """The network of the clients: /24 (IPv4), /48 (IPv6), or `other`. Null if it is unknown."""
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRowView:
    """A row of the audit trail."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    id: str
    at: datetime
    action: str
    """`subject.event[.by_actor]`, such as `session.revoked.by_owner`."""
    outcome: str
    """`OK`, or the code of the error."""
    reason: str | None
    operation: str | None
    """For a row of a request: the operation."""
    subject: str | None
    """The pseudonym of the account. It can't be traced to an erased account."""
    actor: str
    """The pseudonym of the actor, `system` for a scheduled task, or `unknown`."""
    session_id: str | None
    targets: list[str]
    changed: list[str]
    """The names of the changed fields, without values."""
    given_reason: str | None
    """The administrator's reason. Only included in a search by user_id."""
    request_id: str
    counts: list[RequestCountView]
    """For `requests.counted`: numbers of requests without an account. Otherwise empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditListView:
    """A page of the audit trail, newest first."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    rows: list[AuditRowView]
    next_cursor: str | None
    """The cursor of the next page, or null. A page may have fewer entries than `limit`."""
    complete_until: datetime | None
    """With `kind=requests`: requests after this time may be missing, because they are not indexed
    yet. Null if the page is complete."""

    @classmethod
    def of(cls, page: FoundPage) -> AuditListView:
        """Return the view of a page."""
        return cls(
            rows=[_view(found) for found in page.rows],
            next_cursor=page.next_cursor,
            complete_until=page.complete_until,
        )


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
        counts=[_count(count) for count in row.counts],
    )


def _count(count: RequestCount) -> RequestCountView:
    return RequestCountView(
        minute=count.minute,
        operation=count.operation,
        outcome=count.outcome,
        network=count.network,
        count=count.count,
    )

"""Query parameters of a search in the audit trail."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from latchkey.domain.audit import Action
from latchkey.flows.audit_search import AuditFilter
from latchkey.http.parameters import PAGING, Choice, Identifier, Instant, OneOf

if TYPE_CHECKING:
    from latchkey.http.parameters import Parameter
    from latchkey.http.request import Request

_PERIOD = timedelta(days=30)
_INSTANT = timedelta(milliseconds=1)

AUDIT_QUERY: dict[str, Parameter] = {
    "user_id": Identifier(prefix="usr", description="Rows about this account."),
    "session_id": Identifier(
        prefix="ses", description="Rows about this session, or of acts in it."
    ),
    "action": OneOf(words=Action, description="Rows with this action."),
    "kind": Choice(
        options=("changes", "requests"),
        default="changes",
        description="`requests` lists requests instead of changes. Requires user_id.",
    ),
    "since": Instant(description="The earliest time. Default: 30 days before `until`."),
    "until": Instant(description="The latest time. Default: now."),
    **PAGING,
}


def read_filter(request: Request[Any]) -> AuditFilter:
    """Return the filter."""
    query = request.query
    until = query["until"] or request.context.now + _INSTANT
    return AuditFilter(
        user_id=query["user_id"],
        session_id=query["session_id"],
        action=query["action"],
        requests=query["kind"] == "requests",
        since=query["since"] or until - _PERIOD,
        until=until,
    )


def read_paging(request: Request[Any]) -> dict[str, Any]:
    """Return the parameters of the page."""
    return {name: request.query[name] for name in PAGING}

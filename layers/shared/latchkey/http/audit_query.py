"""What administrators may ask of the audit trail, as query parameters."""

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
    "user_id": Identifier(prefix="usr", description="What happened to this person's account."),
    "session_id": Identifier(prefix="ses", description="What happened to, or in, this session."),
    "action": OneOf(words=Action, description="Rows of this action."),
    "kind": Choice(
        options=("changes", "requests"),
        default="changes",
        description="With user_id: what changed, or which requests were made.",
    ),
    "since": Instant(description="From this time on; 30 days before `until` when not sent."),
    "until": Instant(description="Up to this time; now when not sent."),
    **PAGING,
}


def read_filter(request: Request[Any]) -> AuditFilter:
    """Read what is searched for."""
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
    """Read which page of a listing is asked for."""
    return {name: request.query[name] for name in PAGING}

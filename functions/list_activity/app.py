"""GET /api/v1/users/me/activity: the history of the caller's account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound, InvalidCursor
from latchkey.domain.language import choose_language
from latchkey.http import Request, Response, endpoint, ok, signed_in
from latchkey.http.queries import PageQuery
from latchkey.http.views.activity import ActivityListView
from latchkey.wiring.audit import activity

if TYPE_CHECKING:
    from latchkey.flows.activity import Activity


@endpoint(
    caller=signed_in(),
    needs=activity,
    query=PageQuery,
    returns=ActivityListView,
    errors=(InvalidCursor, AccountNotFound),
)
def handler(request: Request[None, PageQuery], flow: Activity) -> Response:
    """List what happened to your account, newest first, described in words.

    In English or German, by `Accept-Language`, then by the account's language.
    """
    query = request.query
    account, page = flow.read(request.caller, limit=query.limit, cursor=query.cursor)
    language = choose_language([*request.languages, account.speaking_language or ""])
    return ok(ActivityListView.of(page, language))

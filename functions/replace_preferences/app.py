"""PUT /api/v1/users/me/preferences and /api/v1/users/{user_id}/preferences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.http import Request, Response, endpoint, etag, ok, self_or_admin
from latchkey.http.bodies.preferences import PreferencesBody
from latchkey.http.queries import ReasonQuery
from latchkey.http.views.preferences import PreferencesView
from latchkey.wiring.users import preferences

if TYPE_CHECKING:
    from latchkey.flows.preferences import PreferenceFlows


@endpoint(
    caller=self_or_admin("user_id", recently_for_others=True),
    query=ReasonQuery,
    reason=True,
    if_match=True,
    needs=preferences,
    body=PreferencesBody,
    returns=PreferencesView,
)
def handler(request: Request[PreferencesBody, ReasonQuery], flow: PreferenceFlows) -> Response:
    """Replace all preferences. An absent key is removed.

    Undeclared keys are stored as they were sent, up to 16 KiB in total.
    """
    new = flow.replace(
        request.account_id,
        request.body.document,
        request.caller,
        request.context,
        expected_versions=request.expected_versions,
    )
    return ok(PreferencesView.of(new.document), headers=etag(new.version))

"""DELETE /api/v1/users/me/preferences and /api/v1/users/{user_id}/preferences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.http import Request, Response, endpoint, etag, ok, self_or_admin
from latchkey.http.queries import ReasonQuery
from latchkey.http.views.preferences import PreferencesView
from latchkey.wiring.users import preferences

if TYPE_CHECKING:
    from latchkey.flows.preferences import PreferenceFlows


@endpoint(
    caller=self_or_admin("user_id", recently_for_others=True),
    needs=preferences,
    returns=PreferencesView,
    query=ReasonQuery,
    reason=True,
    if_match=True,
)
def handler(request: Request[None, ReasonQuery], flow: PreferenceFlows) -> Response:
    """Delete all preferences. Deleting them twice is not an error."""
    new = flow.reset(
        request.account_id,
        request.caller,
        request.context,
        expected_versions=request.expected_versions,
    )
    return ok(PreferencesView.of({}), message="Preferences reset.", headers=etag(new.version))

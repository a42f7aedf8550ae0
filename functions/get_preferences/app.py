"""GET /api/v1/users/me/preferences and /api/v1/users/{user_id}/preferences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.http import Request, Response, endpoint, etag, ok, self_or_admin
from latchkey.http.views.preferences import PreferencesView
from latchkey.wiring.users import preferences

if TYPE_CHECKING:
    from latchkey.flows.preferences import PreferenceFlows


@endpoint(caller=self_or_admin("user_id"), needs=preferences, returns=PreferencesView)
def handler(request: Request[None], flow: PreferenceFlows) -> Response:
    """Read preferences. A declared key that was never set is null."""
    found = flow.read(request.account_id, request.caller, request.context)
    return ok(PreferencesView.of(found.document), headers=etag(found.version))

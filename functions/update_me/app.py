"""PATCH /api/v1/users/me: change some of your profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.bootstrap import profile
from latchkey.domain.errors import AccountNotFound, UsernameTaken
from latchkey.http.auth import signed_in
from latchkey.http.bodies.profile import UpdateMeBody
from latchkey.http.endpoint import endpoint
from latchkey.http.preconditions import etag
from latchkey.http.response import ok
from latchkey.http.views.accounts import AccountView

if TYPE_CHECKING:
    from latchkey.flows.profile import Profile
    from latchkey.http.request import Request
    from latchkey.http.response import Response


@endpoint(
    caller=signed_in(),
    needs=profile,
    body=UpdateMeBody,
    if_match=True,
    returns=AccountView,
    errors=(AccountNotFound, UsernameTaken),
)
def handler(request: Request[UpdateMeBody], flow: Profile) -> Response:
    """Change some of your profile: what is absent stays, what is null is cleared."""
    account = flow.change(
        request.caller.account_id,
        request.body.changes,
        request.caller,
        request.context,
        expected_versions=request.expected_versions,
    )
    return ok(AccountView.of(account), headers=etag(account.version))

"""PUT /api/v1/users/{user_id}: replace a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import UsernameTaken
from latchkey.http import Request, Response, endpoint, etag, ok, self_or_admin
from latchkey.http.bodies.profile import ReplaceUserBody
from latchkey.http.queries import ReasonQuery
from latchkey.http.views.accounts import AccountView
from latchkey.wiring.storage import public_urls
from latchkey.wiring.users import profile

if TYPE_CHECKING:
    from latchkey.domain.request import PublicUrls
    from latchkey.flows.profile import Profile


@endpoint(
    caller=self_or_admin("user_id", recently_for_others=True),
    query=ReasonQuery,
    reason=True,
    needs=(profile, public_urls),
    body=ReplaceUserBody,
    if_match=True,
    returns=AccountView,
    errors=(UsernameTaken,),
)
def handler(
    request: Request[ReplaceUserBody, ReasonQuery], flow: Profile, urls: PublicUrls
) -> Response:
    """Replace a profile. An absent field is cleared. The history shows who did it."""
    account = flow.change(
        request.account_id,
        request.body.changes,
        request.caller,
        request.context,
        expected_versions=request.expected_versions,
    )
    return ok(AccountView.of(account, urls), headers=etag(account.version))

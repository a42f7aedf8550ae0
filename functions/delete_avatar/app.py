"""DELETE /api/v1/users/me/avatar: remove the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound
from latchkey.http import Request, Response, endpoint, etag, ok, signed_in
from latchkey.http.views.accounts import AccountView
from latchkey.wiring.storage import public_urls
from latchkey.wiring.users import avatars

if TYPE_CHECKING:
    from latchkey.domain.request import PublicUrls
    from latchkey.flows.avatars import Avatars


@endpoint(
    caller=signed_in(),
    needs=(avatars, public_urls),
    if_match=True,
    returns=AccountView,
    errors=(AccountNotFound,),
)
def handler(request: Request[None], flow: Avatars, urls: PublicUrls) -> Response:
    """Remove your picture. Removing it twice is not an error."""
    account = flow.remove(
        request.caller, request.context, expected_versions=request.expected_versions
    )
    return ok(AccountView.of(account, urls), headers=etag(account.version))

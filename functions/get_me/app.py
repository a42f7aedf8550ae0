"""GET /api/v1/users/me and /api/v1/auth/me: the caller's own account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound
from latchkey.http import Request, Response, endpoint, etag, ok, signed_in
from latchkey.http.views.accounts import AccountView
from latchkey.wiring.storage import public_urls
from latchkey.wiring.users import profile

if TYPE_CHECKING:
    from latchkey.domain.request import PublicUrls
    from latchkey.flows.profile import Profile


@endpoint(
    caller=signed_in(),
    needs=(profile, public_urls),
    returns=AccountView,
    errors=(AccountNotFound,),
)
def handler(request: Request[None], flow: Profile, urls: PublicUrls) -> Response:
    """Read your own account."""
    account = flow.read(request.caller.account_id, request.caller, request.context)
    return ok(AccountView.of(account, urls), headers=etag(account.version))

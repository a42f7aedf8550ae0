"""GET /api/v1/users/{user_id}: an account, for its owner and for administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.http import Request, Response, endpoint, etag, ok, self_or_admin
from latchkey.http.views.accounts import AccountView
from latchkey.wiring.storage import public_urls
from latchkey.wiring.users import profile

if TYPE_CHECKING:
    from latchkey.domain.request import PublicUrls
    from latchkey.flows.profile import Profile


@endpoint(caller=self_or_admin("user_id"), needs=(profile, public_urls), returns=AccountView)
def handler(request: Request[None], flow: Profile, urls: PublicUrls) -> Response:
    """Read an account. If an administrator reads it, the account's history shows that."""
    account = flow.read(request.account_id, request.caller, request.context)
    return ok(AccountView.of(account, urls), headers=etag(account.version))

"""GET /api/v1/profiles/{user_id}: a person, as others see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound, ProfilesNotPublic
from latchkey.domain.ids import AccountId
from latchkey.http import Request, Response, endpoint, ok, signed_in
from latchkey.http.views.profiles import ProfileView
from latchkey.wiring.storage import public_urls
from latchkey.wiring.users import public_profiles

if TYPE_CHECKING:
    from latchkey.domain.request import PublicUrls
    from latchkey.flows.public_profiles import PublicProfiles


@endpoint(
    caller=signed_in(),
    needs=(public_profiles, public_urls),
    returns=ProfileView,
    errors=(AccountNotFound, ProfilesNotPublic),
)
def handler(request: Request[None], flow: PublicProfiles, urls: PublicUrls) -> Response:
    """Read the display name and the avatar of a person whose account is active."""
    return ok(ProfileView.of(flow.read(AccountId(request.path["user_id"])), urls))

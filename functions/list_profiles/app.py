"""GET /api/v1/profiles: several people, as others see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import ProfilesNotPublic
from latchkey.http import Request, Response, endpoint, ok, signed_in
from latchkey.http.queries import ProfilesQuery
from latchkey.http.views.profiles import ProfileListView
from latchkey.wiring.storage import public_urls
from latchkey.wiring.users import public_profiles

if TYPE_CHECKING:
    from latchkey.domain.request import PublicUrls
    from latchkey.flows.public_profiles import PublicProfiles


@endpoint(
    caller=signed_in(),
    needs=(public_profiles, public_urls),
    query=ProfilesQuery,
    returns=ProfileListView,
    errors=(ProfilesNotPublic,),
)
def handler(
    request: Request[None, ProfilesQuery], flow: PublicProfiles, urls: PublicUrls
) -> Response:
    """Read the display names and the avatars of people whose accounts are active."""
    return ok(ProfileListView.of(flow.list(request.query.ids), urls))

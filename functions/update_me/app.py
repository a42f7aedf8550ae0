"""PATCH /api/v1/users/me: change parts of the caller's profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound, UnusablePicture, UsernameTaken
from latchkey.domain.limits import AVATAR_FORM_MAX_BYTES
from latchkey.http import Request, Response, endpoint, etag, ok, signed_in
from latchkey.http.bodies.profile import UpdateMeBody, UpdateMeForm
from latchkey.http.forms import Form
from latchkey.http.views.accounts import AccountView
from latchkey.wiring.storage import public_urls
from latchkey.wiring.users import avatars

if TYPE_CHECKING:
    from latchkey.domain.request import PublicUrls
    from latchkey.flows.avatars import Avatars


@endpoint(
    caller=signed_in(),
    needs=(avatars, public_urls),
    body=UpdateMeBody,
    form=Form(UpdateMeForm, file="avatar", file_max_bytes=AVATAR_FORM_MAX_BYTES),
    if_match=True,
    returns=AccountView,
    errors=(AccountNotFound, UnusablePicture, UsernameTaken),
)
def handler(request: Request[UpdateMeBody], flow: Avatars, urls: PublicUrls) -> Response:
    """Change parts of your profile. An absent field stays, a null clears the field.

    A form can include a picture of up to 4 MiB. All changes are applied, or none.
    """
    account = flow.change_profile(
        request.body.changes,
        request.body.avatar_file,
        request.caller,
        request.context,
        expected_versions=request.expected_versions,
    )
    return ok(AccountView.of(account, urls), headers=etag(account.version))

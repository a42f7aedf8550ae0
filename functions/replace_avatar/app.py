"""PUT /api/v1/users/me/avatar: use an uploaded picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import (
    AccountNotFound,
    UnusablePicture,
    UploadNotComplete,
    UploadNotFound,
)
from latchkey.http import Request, Response, endpoint, etag, ok, signed_in
from latchkey.http.bodies.avatars import ReplaceAvatarBody
from latchkey.http.views.accounts import AccountView
from latchkey.wiring.storage import public_urls
from latchkey.wiring.users import avatars

if TYPE_CHECKING:
    from latchkey.domain.request import PublicUrls
    from latchkey.flows.avatars import Avatars


@endpoint(
    caller=signed_in(),
    needs=(avatars, public_urls),
    body=ReplaceAvatarBody,
    if_match=True,
    returns=AccountView,
    errors=(AccountNotFound, UnusablePicture, UploadNotComplete, UploadNotFound),
)
def handler(request: Request[ReplaceAvatarBody], flow: Avatars, urls: PublicUrls) -> Response:
    """Use an uploaded picture: its middle square, at most 512 pixels wide, as WebP.

    Metadata is removed. An upload can be used once.
    """
    account = flow.use_upload(
        request.caller,
        request.body.upload_id,
        request.context,
        expected_versions=request.expected_versions,
    )
    return ok(AccountView.of(account, urls), headers=etag(account.version))

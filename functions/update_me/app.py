"""PATCH /api/v1/users/me: change some of your profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.bootstrap import avatars
from latchkey.domain.errors import AccountNotFound, UnusablePicture, UsernameTaken
from latchkey.domain.limits import AVATAR_FORM_MAX_BYTES
from latchkey.http.auth import signed_in
from latchkey.http.bodies.profile import UpdateMeBody, UpdateMeForm
from latchkey.http.endpoint import endpoint
from latchkey.http.forms import Form
from latchkey.http.preconditions import etag
from latchkey.http.response import ok
from latchkey.http.views.accounts import AccountView

if TYPE_CHECKING:
    from latchkey.flows.avatars import Avatars
    from latchkey.http.request import Request
    from latchkey.http.response import Response


@endpoint(
    caller=signed_in(),
    needs=avatars,
    body=UpdateMeBody,
    form=Form(UpdateMeForm, file="avatar", file_max_bytes=AVATAR_FORM_MAX_BYTES),
    if_match=True,
    returns=AccountView,
    errors=(AccountNotFound, UnusablePicture, UsernameTaken),
)
def handler(request: Request[UpdateMeBody], flow: Avatars) -> Response:
    """Change some of your profile: what is absent stays, what is null is cleared.

    As a form it can bring a picture of up to 4 MiB, which changes with the rest or not at all.
    """
    account = flow.change_profile(
        request.body.changes,
        request.body.picture,
        request.caller,
        request.context,
        expected_versions=request.expected_versions,
    )
    return ok(AccountView.of(account), headers=etag(account.version))

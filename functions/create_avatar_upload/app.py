"""POST /api/v1/users/me/avatar/uploads: start an upload of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound, TooManyPendingUploads
from latchkey.http import Request, Response, endpoint, ok, signed_in
from latchkey.http.bodies.avatars import CreateAvatarUploadBody
from latchkey.http.views.avatars import AvatarUploadView
from latchkey.wiring.users import avatars

if TYPE_CHECKING:
    from latchkey.flows.avatars import Avatars


@endpoint(
    caller=signed_in(),
    needs=avatars,
    body=CreateAvatarUploadBody,
    idempotency_key=True,
    returns={201: AvatarUploadView},
    errors=(AccountNotFound, TooManyPendingUploads),
)
def handler(request: Request[CreateAvatarUploadBody], flow: Avatars) -> Response:
    """Start an upload of a picture of up to 5 MiB, directly to storage.

    Up to three uploads may be pending. Send the upload's id to `replaceAvatar` when it is done.
    """
    started = flow.start_upload(
        request.caller, request.body.content_type, request.idempotency_key, request.context
    )
    return ok(AvatarUploadView.of(started), status=201)

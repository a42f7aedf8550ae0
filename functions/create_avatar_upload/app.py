"""POST /api/v1/users/me/avatar/uploads: get leave to upload a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.bootstrap import avatars
from latchkey.domain.errors import TooManyPendingUploads
from latchkey.http.auth import signed_in
from latchkey.http.bodies.avatars import CreateAvatarUploadBody
from latchkey.http.endpoint import endpoint
from latchkey.http.response import ok
from latchkey.http.views.avatars import AvatarUploadView

if TYPE_CHECKING:
    from latchkey.flows.avatars import Avatars
    from latchkey.http.request import Request
    from latchkey.http.response import Response


@endpoint(
    caller=signed_in(),
    needs=avatars,
    body=CreateAvatarUploadBody,
    idempotency_key=True,
    returns={201: AvatarUploadView},
    errors=(TooManyPendingUploads,),
)
def handler(request: Request[CreateAvatarUploadBody], flow: Avatars) -> Response:
    """Get leave to upload a picture of up to 5 MiB, straight to storage.

    Up to three uploads may be pending. A `replaceAvatar` with the upload's id then shows it.
    """
    offered = flow.offer_upload(
        request.caller, request.body.content_type, request.idempotency_key, request.context
    )
    return ok(AvatarUploadView.of(offered), status=201)

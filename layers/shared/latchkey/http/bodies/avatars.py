"""Bodies of avatars."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from latchkey.domain.avatar import PictureType
from latchkey.domain.ids import UploadId
from latchkey.http.bodies.validation import Body


class CreateAvatarUploadBody(Body):
    """The type and size of a picture to upload."""

    content_type: Annotated[PictureType, Field(strict=False)]


class ReplaceAvatarBody(Body):
    """The upload to use."""

    upload_id: Annotated[UploadId, StringConstraints(min_length=1, max_length=64)]

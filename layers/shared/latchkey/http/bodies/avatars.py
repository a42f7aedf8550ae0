"""Bodies about pictures."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from latchkey.domain.avatar import PictureType
from latchkey.http.bodies.validation import Body


class CreateAvatarUploadBody(Body):
    """What is going to be uploaded."""

    content_type: Annotated[PictureType, Field(strict=False)]


class ReplaceAvatarBody(Body):
    """Which upload is to be shown."""

    upload_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]

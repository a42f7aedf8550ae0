"""Avatars: a picture on its way in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from latchkey.domain.limits import AVATAR_UPLOAD_SECONDS

if TYPE_CHECKING:
    from datetime import datetime


class PictureType(StrEnum):
    """What may be uploaded; what is served is always WebP of our own making."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarUpload:
    """Leave to upload one picture.

    expires_at  until when it can be made the avatar; the upload itself has to start within
                AVATAR_UPLOAD_SECONDS
    """

    id: str
    account_id: str
    content_type: PictureType
    created_at: datetime
    expires_at: datetime

    @property
    def upload_until(self) -> datetime:
        """Until when storage takes the file."""
        return self.created_at + timedelta(seconds=AVATAR_UPLOAD_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PresignedPost:
    """Where and with which form fields the file is to be sent; the fields are a credential."""

    url: str
    fields: dict[str, str]

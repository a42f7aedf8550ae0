"""Uploads of avatars."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from latchkey.domain.limits import AVATAR_UPLOAD_SECONDS
from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.ids import AccountId, UploadId


class PictureType(StrEnum):
    """Accepted formats of uploads. Avatars are always served as WebP."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarUpload:
    """A pending upload of one picture.

    expires_at  until when it can be made the avatar; the upload itself has to start within
                AVATAR_UPLOAD_SECONDS
    """

    id: UploadId
    account_id: AccountId
    content_type: PictureType
    created_at: datetime
    expires_at: datetime

    @property
    def upload_until(self) -> datetime:
        """When storage stops accepting the file."""
        return self.created_at + timedelta(seconds=AVATAR_UPLOAD_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PresignedPost:
    """The address and the form fields of an upload. The fields are a credential."""

    url: str
    fields: dict[str, str]

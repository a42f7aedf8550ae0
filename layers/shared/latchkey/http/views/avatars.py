"""Instructions for uploading a picture."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from latchkey.domain.limits import AVATAR_MAX_BYTES
from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from latchkey.flows.avatars import StartedUpload


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarUploadView:
    """An upload. POST a form to `url` with these fields first, then `file`."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    upload_id: str
    """For `replaceAvatar`, after the file was uploaded."""
    url: str
    fields: dict[str, str]
    """Form fields to send unchanged, before the file. They are a credential."""
    max_bytes: int
    upload_until: datetime
    """When the form expires."""
    expires_at: datetime
    """When the upload expires and can no longer be used."""

    @classmethod
    def of(cls, started: StartedUpload) -> AvatarUploadView:
        """Return the view of an upload."""
        return cls(
            upload_id=started.upload.id,
            url=started.post.url,
            fields=started.post.fields,
            max_bytes=AVATAR_MAX_BYTES,
            upload_until=started.upload.upload_until,
            expires_at=started.upload.expires_at,
        )

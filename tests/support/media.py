"""The media bucket in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.avatar import PresignedPost

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.avatar import AvatarUpload


class Crash(BaseException):
    """The process dies: nothing after this line runs, and nobody answers."""


class MemoryMedia:
    """What MediaBucket does, without S3; it can die before any of its steps."""

    def __init__(self) -> None:
        """Start empty."""
        self.uploads: dict[str, bytes] = {}
        self.owners: dict[str, str] = {}
        self.avatars: dict[str, bytes] = {}
        self.failure: tuple[str, BaseException] | None = None

    def fail_at(self, step: str, failure: BaseException) -> None:
        """Let the next call of a method fail before it does anything."""
        self.failure = (step, failure)

    def presign_upload(self, upload: AvatarUpload, now: datetime) -> PresignedPost:
        assert now < upload.expires_at
        self.owners[upload.id] = upload.account_id
        fields = {"key": upload.id, "Content-Type": upload.content_type.value}
        return PresignedPost(url="https://bucket.test/", fields=fields)

    def read_upload(self, upload: AvatarUpload) -> bytes | None:
        self._perhaps_fail("read_upload")
        return self.uploads.get(upload.id)

    def delete_upload(self, upload: AvatarUpload) -> None:
        self._perhaps_fail("delete_upload")
        self.uploads.pop(upload.id, None)
        self.owners.pop(upload.id, None)

    def list_uploads(self, account_id: str) -> list[str]:
        return [name for name in self.uploads if self.owners.get(name) == account_id]

    def delete_uploads(self, account_id: str) -> None:
        for upload_id in self.list_uploads(account_id):
            del self.owners[upload_id]
            self.uploads.pop(upload_id, None)

    def put_avatar(self, avatar_id: str, webp: bytes) -> None:
        self._perhaps_fail("put_avatar")
        assert avatar_id not in self.avatars, "a picture is never changed"
        self.avatars[avatar_id] = webp

    def read_avatar(self, avatar_id: str) -> bytes | None:
        return self.avatars.get(avatar_id)

    def delete_avatar(self, avatar_id: str) -> None:
        self._perhaps_fail("delete_avatar")
        self.avatars.pop(avatar_id, None)

    def _perhaps_fail(self, step: str) -> None:
        if self.failure is not None and self.failure[0] == step:
            _, failure = self.failure
            self.failure = None
            raise failure

"""The media bucket: uploads, and processed avatars.

    incoming/<account id>/<upload id>   unprocessed; never served; deleted after a day
    media/avatars/<avatar id>.webp      processed; served by the CDN

An avatar file has a unique name and never changes, so any cache may
keep it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from latchkey.domain.avatar import PresignedPost
from latchkey.domain.limits import AVATAR_MAX_BYTES
from latchkey.storage.boto_client import (
    CLIENT_CONFIG,
    S3_SIGNING,
    aws_client,
    error_code,
    unavailable,
)

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.avatar import AvatarUpload
    from latchkey.domain.ids import AccountId, AvatarId, UploadId

CACHE_CONTROL = "public, max-age=31536000, s-maxage=86400, immutable"
"""A year in browsers, which can't be invalidated; a day in the CDN, so that erasure applies."""

_S3 = CLIENT_CONFIG.merge(S3_SIGNING)


class MediaBucket:
    """The media bucket. Every method raises TemporarilyUnavailable."""

    def __init__(self, bucket: str) -> None:
        """Use this bucket."""
        self._bucket = bucket
        self._s3 = aws_client("s3", _S3)

    def presign_upload(self, upload: AvatarUpload, now: datetime) -> PresignedPost:
        """Sign a form that uploads one file of the allowed size and type under one name.

        Source: "Creating an HTML form (using AWS Signature Version 4)"; a presigned PUT can't
        limit the size. No request is made.
        """
        content_type = {"Content-Type": upload.content_type.value}
        remaining = int((upload.upload_until - now).total_seconds())
        signed = self._s3.generate_presigned_post(
            self._bucket,
            _upload(upload.account_id, upload.id),
            Fields=dict(content_type),
            Conditions=[content_type, ["content-length-range", 1, AVATAR_MAX_BYTES]],
            ExpiresIn=max(1, remaining),
        )
        return PresignedPost(url=signed["url"], fields=signed["fields"])

    def read_upload(self, upload: AvatarUpload) -> bytes | None:
        """Read an upload, up to one byte above the limit. None if it does not exist."""
        return self._read(_upload(upload.account_id, upload.id))

    def delete_upload(self, upload: AvatarUpload) -> None:
        """Delete an upload."""
        self._call("delete_object", Key=_upload(upload.account_id, upload.id))

    def list_uploads(self, account_id: AccountId) -> list[UploadId]:
        """List up to 1,000 uploads of a person. There are dozens per day at most."""
        prefix = _incoming(account_id)
        listed = self._call("list_objects_v2", Prefix=prefix).get("Contents", [])
        return [entry["Key"].removeprefix(prefix) for entry in listed]

    def delete_uploads(self, account_id: AccountId) -> None:
        """Delete every upload of a person. None is not an error."""
        while upload_ids := self.list_uploads(account_id):
            for upload_id in upload_ids:
                self._call("delete_object", Key=_upload(account_id, upload_id))

    def put_avatar(self, avatar_id: AvatarId, webp: bytes) -> None:
        """Store an avatar."""
        self._call(
            "put_object",
            Key=_avatar(avatar_id),
            Body=webp,
            ContentType="image/webp",
            CacheControl=CACHE_CONTROL,
        )

    def read_avatar(self, avatar_id: AvatarId) -> bytes | None:
        """Read an avatar. None if it does not exist."""
        return self._read(_avatar(avatar_id))

    def delete_avatar(self, avatar_id: AvatarId) -> None:
        """Delete an avatar. A missing one is not an error."""
        self._call("delete_object", Key=_avatar(avatar_id))

    def _read(self, key: str) -> bytes | None:
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=key)
            content: bytes = answer["Body"].read(AVATAR_MAX_BYTES + 1)
        except (ClientError, BotoCoreError) as error:
            if error_code(error) in {"NoSuchKey", "404"}:
                return None
            raise unavailable(error) from error
        return content

    def _call(self, method: str, **request: Any) -> Any:
        try:
            return getattr(self._s3, method)(Bucket=self._bucket, **request)
        except (ClientError, BotoCoreError) as error:
            raise unavailable(error) from error


def _incoming(account_id: AccountId) -> str:
    """Return the prefix of a person's uploads."""
    return f"incoming/{account_id}/"


def _upload(account_id: AccountId, upload_id: UploadId) -> str:
    return f"{_incoming(account_id)}{upload_id}"


def _avatar(avatar_id: AvatarId) -> str:
    return f"media/avatars/{avatar_id}.webp"

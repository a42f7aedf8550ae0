"""Files of exports in S3."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import EXPORT_LINK_SECONDS, UNAVAILABLE_RETRY_AFTER_SECONDS
from latchkey.storage.boto_client import S3_SIGNING, aws_client, credentials_end, unavailable
from latchkey.storage.export_files import (
    ArchiveWriter,
    archive_key,
    staged_key,
    staged_prefix,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from latchkey.domain.ids import ExportId

_CONFIG = S3_SIGNING.merge(
    Config(
        connect_timeout=1,
        read_timeout=20,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
)
"""A part of 8 MiB takes longer than an item, and a worker has time for three attempts."""


class S3ExportFiles:
    """The files of exports in a private bucket."""

    def __init__(
        self, bucket: str, *, credentials_end: Callable[[], datetime | None] = credentials_end
    ) -> None:
        """Use this bucket.

        credentials_end  returns when the credentials that sign links expire; None: unknown
        """
        self._bucket = bucket
        self._credentials_end = credentials_end

    @cached_property
    def _s3(self) -> Any:
        # Created on demand: an export without a file needs no credentials.
        return aws_client("s3", _CONFIG)

    def stage(self, export_id: ExportId, name: str, content: bytes) -> None:
        """See ExportFiles.stage."""
        key = staged_key(export_id, name)
        self._call("put_object", Key=key, Body=content, ContentType="application/x-ndjson")

    def read_staged(self, export_id: ExportId, name: str) -> bytes:
        """See ExportFiles.read_staged."""
        answer = self._call("get_object", Key=staged_key(export_id, name))
        content: bytes = answer["Body"].read()
        return content

    def delete_staged(self, export_id: ExportId) -> None:
        """See ExportFiles.delete_staged."""
        while True:
            page = self._call("list_objects_v2", Prefix=staged_prefix(export_id))
            found = [{"Key": entry["Key"]} for entry in page.get("Contents", [])]
            if not found:
                return
            self._call("delete_objects", Delete={"Objects": found, "Quiet": True})

    def write_archive(self, export_id: ExportId) -> ArchiveWriter:
        """See ExportFiles.write_archive."""
        return ArchiveWriter(_S3Upload(self._call, archive_key(export_id)))

    def delete_archive(self, export_id: ExportId) -> None:
        """See ExportFiles.delete_archive."""
        self._call("delete_object", Key=archive_key(export_id))

    def link(self, export_id: ExportId, *, file_name: str, now: datetime) -> tuple[str, int]:
        """See ExportFiles.link.

        A presigned link expires with the credentials that signed it, so its lifetime is never
        longer than theirs. Source: boto3 issues 2392 and 3079.
        """
        seconds = EXPORT_LINK_SECONDS
        end = self._credentials_end()
        if end is not None:
            seconds = min(seconds, int((end - now).total_seconds()))
        if seconds <= 0:
            raise TemporarilyUnavailable(
                retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS, reason="credentials"
            )
        url: str = self._s3.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": archive_key(export_id),
                "ResponseContentDisposition": f'attachment; filename="{file_name}"',
                "ResponseContentType": "application/zip",
                "ResponseCacheControl": "no-store",
            },
            ExpiresIn=seconds,
        )
        return url, seconds

    def _call(self, operation: str, **parameters: Any) -> Any:
        try:
            return getattr(self._s3, operation)(Bucket=self._bucket, **parameters)
        except (ClientError, BotoCoreError) as error:
            raise unavailable(error) from error


class _S3Upload:
    """A multipart upload. The bucket's rule deletes an incomplete one after a day."""

    def __init__(self, call: Callable[..., Any], key: str) -> None:
        self._call = call
        self._key = key
        self._parts: list[dict[str, Any]] = []
        created = call(
            "create_multipart_upload",
            Key=key,
            ContentType="application/zip",
            CacheControl="no-store",
        )
        self._id: str = created["UploadId"]

    def add(self, part: bytes) -> None:
        number = len(self._parts) + 1
        sent = self._call(
            "upload_part", Key=self._key, UploadId=self._id, PartNumber=number, Body=part
        )
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})

    def complete(self) -> None:
        self._call(
            "complete_multipart_upload",
            Key=self._key,
            UploadId=self._id,
            MultipartUpload={"Parts": self._parts},
        )

    def abandon(self) -> None:
        self._call("abort_multipart_upload", Key=self._key, UploadId=self._id)

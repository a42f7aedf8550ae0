"""Files of the index of requests in S3. They are derived, so they have no Object Lock."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from latchkey.storage.boto_client import aws_client, unavailable

_CONFIG = Config(
    connect_timeout=1, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3}
)
"""A file of 60 MB takes longer than an item."""


class S3IndexFiles:
    """The files in a private bucket."""

    def __init__(self, bucket: str) -> None:
        """Use this bucket."""
        self._bucket = bucket

    @cached_property
    def _s3(self) -> Any:
        return aws_client("s3", _CONFIG)

    def put(self, name: str, content: bytes) -> None:
        """See IndexFiles.put."""
        self._call("put_object", Key=name, Body=content, ContentType="application/gzip")

    def read(self, name: str, start: int, end: int) -> bytes:
        """See IndexFiles.read."""
        answer = self._call("get_object", Key=name, Range=f"bytes={start}-{end - 1}")
        try:
            content: bytes = answer["Body"].read()
        except BotoCoreError as error:
            raise unavailable(error) from error
        return content

    def _call(self, operation: str, **parameters: Any) -> Any:
        try:
            return getattr(self._s3, operation)(Bucket=self._bucket, **parameters)
        except (ClientError, BotoCoreError) as error:
            raise unavailable(error) from error

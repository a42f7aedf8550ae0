"""Where the local edge reads the page: `web/dist`, or the bucket of a stack that serves it."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class File:
    """A file of the page."""

    headers: dict[str, str]
    body: bytes


class Pages(Protocol):
    """The files of the page."""

    def file(self, name: str) -> File | None:
        """Return a file by its path without the leading slash; None if there is none."""
        ...


class Folder:
    """The page as it was built."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def file(self, name: str) -> File | None:
        """Return a file below the folder."""
        path = (self._root / name).resolve()
        if not path.is_relative_to(self._root) or not path.is_file():
            return None
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return File({"Content-Type": kind}, path.read_bytes())


class Bucket:
    """The page as `make publish-page` has uploaded it."""

    def __init__(self, s3: S3Client, name: str) -> None:
        self._s3 = s3
        self._name = name

    def file(self, name: str) -> File | None:
        """Return an object."""
        try:
            found = self._s3.get_object(Bucket=self._name, Key=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            return None
        headers = {"Content-Type": found["ContentType"], "Cache-Control": found["CacheControl"]}
        return File(headers, found["Body"].read())

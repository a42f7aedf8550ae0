"""Anchors and archives of the audit trail in S3, with Object Lock if the deployer enables it.

    anchors/<instant>.json                                 heads, signed
    archive/<chain>/<first block>-<last block>.ndjson.gz   blocks and their rows, each a line

With Object Lock (the bucket's default retention) nobody can change or remove an object before
its time, not even the account's root user.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from latchkey.domain.limits import AUDIT_ARCHIVE_SEGMENT_ROWS
from latchkey.storage.boto_client import aws_client, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


_SEGMENT = re.compile(r"archive/\d+/(\d{12})-(\d{12})\.ndjson\.gz")


def anchor_name(at: datetime) -> str:
    """Return the key of an anchor. Keys sort by time."""
    return f"anchors/{at:%Y/%m/%d/%H%M%S}.{at.microsecond // 1000:03d}Z.json"


def segment_name(chain: int, first: int, last: int) -> str:
    """Return the key of a segment, by its blocks."""
    return f"archive/{chain}/{first:012d}-{last:012d}.ndjson.gz"


def last_of_segments(names: Iterable[str]) -> int:
    """Return the last block of the gapless sequence of segments, by their names.

    An attacker who can write the bucket can add any segment. Segments that do not follow are
    ignored: otherwise one with future block numbers would stop archiving.
    """
    last = 0
    for name in sorted(names):
        found = _SEGMENT.fullmatch(name)
        if (
            found
            and int(found[1]) <= last + 1
            and int(found[2]) - last <= AUDIT_ARCHIVE_SEGMENT_ROWS
        ):
            last = max(last, int(found[2]))
    return last


class AuditVault(Protocol):
    """Storage of anchors and archives. Every method raises TemporarilyUnavailable."""

    def put_anchor(self, at: datetime, document: bytes) -> None:
        """Store an anchor."""
        ...

    def put_segment(self, chain: int, first: int, last: int, content: bytes) -> None:
        """Store a segment of a chain's archive."""
        ...

    def last_archived(self, chain: int) -> int:
        """Return the number of the last archived block, or 0."""
        ...


class S3AuditVault:
    """Anchors and archives in their own bucket."""

    def __init__(self, bucket: str) -> None:
        """Use this bucket."""
        self._bucket = bucket

    @cached_property
    def _s3(self) -> Any:
        return aws_client("s3")

    def put_anchor(self, at: datetime, document: bytes) -> None:
        """See AuditVault.put_anchor."""
        self._call("put_object", Key=anchor_name(at), Body=document, ContentType="application/json")

    def put_segment(self, chain: int, first: int, last: int, content: bytes) -> None:
        """See AuditVault.put_segment. A repeated segment is another version of the object."""
        key = segment_name(chain, first, last)
        self._call("put_object", Key=key, Body=content, ContentType="application/gzip")

    def last_archived(self, chain: int) -> int:
        """See AuditVault.last_archived. Cost: a request per 1,000 segments, of a day or more."""
        names: list[str] = []
        token: dict[str, str] = {}
        while True:
            page = self._call("list_objects_v2", Prefix=f"archive/{chain}/", **token)
            names += [entry["Key"] for entry in page.get("Contents", [])]
            if not page.get("IsTruncated"):
                return last_of_segments(names)
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _call(self, operation: str, **parameters: Any) -> Any:
        try:
            return getattr(self._s3, operation)(Bucket=self._bucket, **parameters)
        except (ClientError, BotoCoreError) as error:
            raise unavailable(error) from error

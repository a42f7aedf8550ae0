"""Anchors and archives of the audit trail in S3, with Object Lock if the deployer enables it.

    anchors/<instant>.json                                 heads, signed
    rows/<shard>/<first>-<last>.ndjson.gz                  rows of a batch of the stream
    archive/<chain>/<first block>-<last block>.ndjson.gz   blocks; old ones with rows

With Object Lock (the bucket's default retention) nobody can change or remove an object before
its time, not even the account's root user.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from latchkey.domain.limits import AUDIT_ARCHIVE_SEGMENT_ROWS
from latchkey.storage.boto_client import aws_client, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime


_SEGMENT = re.compile(r"archive/\d+/(\d{12})-(\d{12})\.ndjson\.gz")
_LOOK_BACK_BLOCKS = 1000
"""The newest segment is sought so many blocks before the newest block, then ten times as many."""


def anchor_name(at: datetime) -> str:
    """Return the key of an anchor. Keys sort by time."""
    return f"anchors/{at:%Y/%m/%d/%H%M%S}.{at.microsecond // 1000:03d}Z.json"


def segment_name(chain: int, first: int, last: int) -> str:
    """Return the key of a segment, by its blocks."""
    return f"archive/{chain}/{first:012d}-{last:012d}.ndjson.gz"


def rows_name(shard: str, first: int, last: int) -> str:
    """Return the key of the rows of a batch, by their shard and sequence numbers.

    Another batch of the same rows has another key or the same content. So nothing is replaced.
    """
    return f"rows/{quote(shard, safe='')}/{first:040d}-{last:040d}.ndjson.gz"


def last_of_segments(names: Iterable[str], after: int = 0) -> int:
    """Return the last block of the gapless sequence of segments, by their names.

    after  the block before the sequence

    An attacker who can write the bucket can add any segment. Segments that do not follow are
    ignored: otherwise one with future block numbers would stop archiving.
    """
    last = after
    for name in sorted(names):
        found = _SEGMENT.fullmatch(name)
        if (
            found
            and int(found[1]) <= last + 1
            and int(found[2]) - last <= AUDIT_ARCHIVE_SEGMENT_ROWS
        ):
            last = max(last, int(found[2]))
    return last


def newest_segment(names_after: Callable[[str], list[str]], chain: int, newest: int) -> int:
    """Return the last archived block of a chain, looking only at its newest segments.

    names_after  returns all segments of the chain that sort after a name
    newest       the number of the chain's newest block
    """
    back = _LOOK_BACK_BLOCKS
    while back < newest:
        names = names_after(segment_name(chain, newest - back, 0))
        firsts = [int(found[1]) for name in names if (found := _SEGMENT.fullmatch(name))]
        if firsts:
            return last_of_segments(names, min(firsts) - 1)
        back *= 10
    return last_of_segments(names_after(f"archive/{chain}/"))


class AuditVault(Protocol):
    """Storage of anchors and archives. Every method raises TemporarilyUnavailable."""

    def put_anchor(self, at: datetime, document: bytes) -> None:
        """Store an anchor."""
        ...

    def put_segment(self, chain: int, first: int, last: int, content: bytes) -> None:
        """Store a segment of a chain's archive."""
        ...

    def put_rows(self, shard: str, first: int, last: int, content: bytes) -> None:
        """Store the rows of a batch of the stream, from one sequence number to another."""
        ...

    def last_archived(self, chain: int, newest: int) -> int:
        """Return the number of the last archived block of a chain, or 0.

        newest  the number of its newest block
        """
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

    def put_rows(self, shard: str, first: int, last: int, content: bytes) -> None:
        """See AuditVault.put_rows. Cost: a request for each batch."""
        key = rows_name(shard, first, last)
        self._call("put_object", Key=key, Body=content, ContentType="application/gzip")

    def last_archived(self, chain: int, newest: int) -> int:
        """See AuditVault.last_archived. Cost: a request, more after an outage."""

        def names_after(name: str) -> list[str]:
            names: list[str] = []
            start = {"StartAfter": name}
            while True:
                page = self._call("list_objects_v2", Prefix=f"archive/{chain}/", **start)
                names += [entry["Key"] for entry in page.get("Contents", [])]
                if not page.get("IsTruncated"):
                    return names
                start = {"ContinuationToken": page["NextContinuationToken"]}

        return newest_segment(names_after, chain, newest)

    def _call(self, operation: str, **parameters: Any) -> Any:
        try:
            return getattr(self._s3, operation)(Bucket=self._bucket, **parameters)
        except (ClientError, BotoCoreError) as error:
            raise unavailable(error) from error

"""Upload web/dist for CloudFront: `python -m tools.publish_page STACK`.

Assets are uploaded first and index.html last, so that no page refers to a missing script. Unneeded
files are deleted at the end. Running it again uploads nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from tools.stacks import physical_id
from tools.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DIST = ROOT / "web" / "dist"
INDEX = "index.html"

REVALIDATED = "no-cache"
"""Cached, and revalidated before each use: the build has file names without a hash."""

FOR_EVER = "public, max-age=31536000, immutable"
"""For a name with a hash of its content."""

HASHED = re.compile(r"[-.][A-Z0-9]{8,}\.\w+(?:\.map)?$")
"""esbuild's hashes: eight or more characters of base 32 before the suffix."""

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".map": "application/json",
    ".svg": "image/svg+xml",
}


class PageError(Exception):
    """The page can't be published. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Published:
    """The changes that were made."""

    uploaded: Sequence[str]
    removed: Sequence[str]
    invalidation: str | None


def publish(
    dist: Path, *, bucket: str, distribution: str, s3: Any, cloudfront: Any, force: bool = False
) -> Published:
    """Synchronize the bucket with `dist`, and invalidate CloudFront's cache.

    force  invalidate without a change: after a failed invalidation

    Raises PageError when there is no page.
    """
    files = {str(path.relative_to(dist)): path for path in dist.rglob("*") if path.is_file()}
    if INDEX not in files:
        msg = f"There is no {INDEX} in {dist}: run `make page`."
        raise PageError(msg)
    in_order = sorted(files, key=lambda name: (name == INDEX, name))
    uploaded = [name for name in in_order if _upload(files[name], name, bucket, s3)]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    there = [item["Key"] for page in pages for item in page.get("Contents", [])]
    removed = sorted(set(there) - set(files))
    for name in removed:
        s3.delete_object(Bucket=bucket, Key=name)
    invalidation = None
    if uploaded or removed or force:
        batch = {
            "Paths": {"Quantity": 1, "Items": ["/*"]},
            "CallerReference": f"latchkey-{time.time_ns()}",
        }
        answer = cloudfront.create_invalidation(
            DistributionId=distribution, InvalidationBatch=batch
        )
        invalidation = answer["Invalidation"]["Id"]
    return Published(uploaded, removed, invalidation)


def _upload(path: Path, name: str, bucket: str, s3: Any) -> bool:
    """Upload a file unless it is unchanged. Returns whether it was uploaded."""
    content = path.read_bytes()
    headers = {
        "CacheControl": FOR_EVER if HASHED.search(name) else REVALIDATED,
        "ContentType": TYPES.get(path.suffix, "application/octet-stream"),
    }
    try:
        there = s3.head_object(Bucket=bucket, Key=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchKey", "NotFound"}:
            raise
        there = {}
    # The ETag of an object in one part, encrypted by S3's own key, is its MD5.
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    same = there.get("ETag", "").strip('"') == digest
    if same and all(there.get(header) == value for header, value in headers.items()):
        return False
    s3.put_object(Bucket=bucket, Key=name, Body=content, **headers)
    return True


def publish_to(stack: str, *, dist: Path = DIST, force: bool = False) -> Published | None:
    """Publish to a stack's bucket. None if it serves no page. Raises PageError."""
    cloudformation = boto3.client("cloudformation")
    bucket = physical_id(cloudformation, stack, "PageBucket")
    distribution = physical_id(cloudformation, stack, "PageDistribution")
    if bucket is None or distribution is None:
        return None
    return publish(
        dist,
        bucket=bucket,
        distribution=distribution,
        s3=boto3.client("s3"),
        cloudfront=boto3.client("cloudfront"),
        force=force,
    )


def summary(published: Published | None, stack: str) -> str:
    """Return a line about the changes."""
    if published is None:
        return f"The stack {stack} serves no page (ServePage)."
    if published.invalidation is None:
        return "The page is published already: nothing has changed."
    return (
        f"The page is published: {len(published.uploaded)} files uploaded, "
        f"{len(published.removed)} removed, invalidation {published.invalidation}."
    )


def main(arguments: list[str]) -> int:
    """Publish the page and print the changes."""
    parser = argparse.ArgumentParser(prog="python -m tools.publish_page")
    parser.add_argument("stack", help="the stack's name")
    parser.add_argument(
        "--invalidate", action="store_true", help="invalidate although nothing has changed"
    )
    options = parser.parse_args(arguments)
    try:
        published = publish_to(options.stack, force=options.invalidate)
    except PageError as error:
        print(error, file=sys.stderr)
        return 1
    print(summary(published, options.stack))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

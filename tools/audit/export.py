"""Fetches a copy of the audit trail: archives, newer blocks, anchors and log lines."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import time
import zlib
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from latchkey.domain.audit_chain import ForeignItem, canonical
from latchkey.domain.limits import AUDIT_CHAINS_MAX
from latchkey.storage.audit_chain import AuditChainStore
from latchkey.storage.boto_client import aws_client
from tools.audit.verify import WITNESSES, newest_anchor, read_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from latchkey.domain.audit_chain import Entry
    from latchkey.storage.table import Table
    from tools.audit.verify import Keys

ANCHOR_OVERLAP_SECONDS = 900
"""The log is read from this time before the newest anchor: three anchors may be missing."""


SEGMENT = re.compile(r"archive/(\d+)/\d+-\d+\.ndjson\.gz")
ROWS = re.compile(r"rows/[\w%~-][\w.%~-]*/\d+-\d+\.ndjson\.gz")
OURS = re.compile(
    rf"{SEGMENT.pattern}|{ROWS.pattern}|anchors/\d{{4}}/\d\d/\d\d/[\d.]+Z\.json", re.ASCII
)
"""Expected object names. An attacker could write a name such as `../../anything`."""

FETCHED = "fetched"
"""The file with the time of the copy."""

PARALLEL_REQUESTS = 32
"""A busy year has millions of small objects: about 1,000 a second are fetched."""


def fetch(directory: Path, *, table: Table, bucket: str, s3: Any = None) -> list[str]:
    """Write a copy into a directory: rows/, archive/, anchors/ and live.ndjson.

    Every version of an object is fetched, including removed ones: the lock keeps the original, and
    an attacker can only add newer versions. A version never changes, so those that the directory
    already has are not fetched again.

    Returns the names of foreign objects and items, which are not fetched.
    """
    began = datetime.now(UTC)
    s3 = s3 or aws_client("s3", Config(max_pool_connections=PARALLEL_REQUESTS))
    archived: dict[int, set[int]] = defaultdict(set)
    strange = []
    with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            versions = page.get("Versions", [])
            strange += [v["Key"] for v in versions if not OURS.fullmatch(v["Key"])]
            ours = [v for v in versions if OURS.fullmatch(v["Key"])]
            paths = list(pool.map(lambda v: _fetch_version(directory, bucket, v, s3), ours))
            for version, path in zip(ours, paths, strict=True):
                if segment := SEGMENT.fullmatch(version["Key"]):
                    archived[int(segment[1])] |= _blocks_in(path)
    # After the bucket: so the copy has no row without its block, if the block was in the table.
    strange += _write_live(directory / "live.ndjson", AuditChainStore(table), archived)
    (directory / FETCHED).write_text(began.isoformat())
    return strange


def fetched_at(directory: Path) -> datetime:
    """Return when the last complete fetch of a copy began. Raises FileNotFoundError."""
    return datetime.fromisoformat((directory / FETCHED).read_text())


def _fetch_version(directory: Path, bucket: str, version: dict[str, str], s3: Any) -> Path:
    """Write a version of an object, and return its path."""
    name, version_id = version["Key"], version["VersionId"]
    path = directory / name
    path = path.with_name(f"{version_id}-{path.name}")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        answer = s3.get_object(Bucket=bucket, Key=name, VersionId=version_id)
        # Renamed when it is complete, because an existing file is not fetched again.
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(answer["Body"].read())
        part.rename(path)
    return path


def _write_live(path: Path, store: AuditChainStore, archived: dict[int, set[int]]) -> list[str]:
    """Write the blocks that are not archived yet, and their rows in the table."""
    strange = []
    with path.open("wb") as live:
        for chain in range(AUDIT_CHAINS_MAX):
            # The content of the archive counts, not the names of its objects. It must have no gap.
            last = next(n for n in itertools.count() if n + 1 not in archived[chain])
            try:
                for block in store.after(chain, last):
                    live.write(block.line() + b"\n")
                    for entries in itertools.batched(block.entries, 100, strict=False):
                        live.writelines(line + b"\n" for line in row_lines(store, entries))
            except ForeignItem as item:
                strange.append(f"{item.partition} {item.name}")
    return strange


def row_lines(store: AuditChainStore, entries: Sequence[Entry]) -> Iterator[bytes]:
    """Return the rows of up to 100 entries in the table as lines, and those that it lacks."""
    now = int(time.time() * 1000)
    rows = store.rows(entries)
    for entry in entries:
        row = rows.get((entry.partition, entry.row_id))
        missing = {"pk": entry.partition, "sk": entry.row_id, "at": now}
        yield canonical({"absent": missing} if row is None else {"row": row})


def _blocks_in(path: Path) -> set[int]:
    """Return the numbers of a segment's blocks, or none if it can't be read."""
    numbers = set()
    try:
        with gzip.open(path) as lines:
            for line in lines:
                if line.startswith(b'{"block":'):
                    numbers.add(int(json.loads(line)["block"]["number"]))
    except (EOFError, KeyError, OSError, TypeError, ValueError, zlib.error):
        return set()
    return numbers


def fetch_keys(path: Path, *, prefix: str) -> Keys:
    """Write the current public keys. A copy from an earlier day is more trustworthy."""
    answer = aws_client("ssm").get_parameter(Name=f"{prefix}/audit-public-keys")
    path.write_text(json.dumps(json.loads(answer["Parameter"]["Value"]), indent=2))
    return read_keys(path.read_bytes())


def fetch_witnesses(directory: Path, *, log_group: str, keys: Keys, logs: Any = None) -> None:
    """Write the heads that chain_audit has logged since shortly before the newest anchor."""
    logs = logs or aws_client("logs")
    # Only of anchors with a valid signature: a forged, future one would hide today's log lines.
    newest = newest_anchor(directory, keys)
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=log_group,
        filterPattern='"chained"',
        startTime=max(0, newest - ANCHOR_OVERLAP_SECONDS * 1000),
    )
    with (directory / WITNESSES).open("w") as file:
        for page in pages:
            for event in page["events"]:
                for head in _heads(event["message"]):
                    file.write(f"{head}\n")


def _heads(message: str) -> list[str]:
    try:
        line = json.loads(message)
    except ValueError:
        return []
    if not isinstance(line, dict) or line.get("message") != "chained":
        return []
    return [str(head) for head in line.get("heads", [])]

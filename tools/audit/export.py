"""Fetches a copy of the audit trail: archives, newer rows, anchors and log lines."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import zlib
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from latchkey.domain.audit_chain import canonical
from latchkey.domain.limits import AUDIT_CHAINS
from latchkey.flows.audit_chain import block_line
from latchkey.storage.audit_chain import AuditChainStore
from latchkey.storage.boto_client import aws_client
from tools.audit.verify import WITNESSES, newest_anchor, read_keys

if TYPE_CHECKING:
    from pathlib import Path

    from latchkey.storage.table import Table
    from tools.audit.verify import Keys

ANCHOR_OVERLAP_SECONDS = 900
"""The log is read from this time before the newest anchor: three anchors may be missing."""


SEGMENT = re.compile(r"archive/(\d+)/\d+-\d+\.ndjson\.gz")
OURS = re.compile(rf"{SEGMENT.pattern}|anchors/\d{{4}}/\d\d/\d\d/[\d.]+Z\.json")
"""Expected object names. An attacker could write a name such as `../../anything`."""


def fetch(directory: Path, *, table: Table, bucket: str, s3: Any = None) -> list[str]:
    """Write a copy into a directory: archive/, anchors/ and live.ndjson.

    Every version of an object is fetched, including removed ones: the lock keeps the original, and
    an attacker can only add newer versions.

    Returns the names of foreign objects, which are not fetched.
    """
    s3 = s3 or aws_client("s3")
    archived: dict[int, set[int]] = defaultdict(set)
    strange = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for entry in page.get("Versions", []):
            name, version = entry["Key"], entry["VersionId"]
            if not OURS.fullmatch(name):
                strange.append(name)
                continue
            path = directory / name
            path = path.with_name(f"{version}-{path.name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            answer = s3.get_object(Bucket=bucket, Key=name, VersionId=version)
            path.write_bytes(answer["Body"].read())
            if segment := SEGMENT.fullmatch(name):
                archived[int(segment[1])] |= _blocks_in(path)
    _write_live(directory / "live.ndjson", AuditChainStore(table), archived)
    return strange


def _write_live(path: Path, store: AuditChainStore, archived: dict[int, set[int]]) -> None:
    """Write the blocks that are not archived yet, with their rows."""
    with path.open("wb") as live:
        for chain in range(AUDIT_CHAINS):
            # The content of the archive counts, not the names of its objects. It must have no gap.
            last = next(n for n in itertools.count() if n + 1 not in archived[chain])
            for block in store.after(chain, last):
                live.write(block_line(block) + b"\n")
                for start in range(0, len(block.entries), 100):
                    for row in store.rows(block.entries[start : start + 100]).values():
                        live.write(canonical({"row": row}) + b"\n")


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

"""Fetches a copy of the audit trail: what was archived, what has come since, and the witnesses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from latchkey.domain.audit_chain import canonical
from latchkey.domain.limits import AUDIT_CHAINS
from latchkey.flows.audit_chain import block_line
from latchkey.storage.audit_chain import AuditChainStore
from latchkey.storage.boto_client import aws_client
from tools.audit.verify import WITNESSES, read_anchors

if TYPE_CHECKING:
    from pathlib import Path

    from latchkey.storage.table import Table


ANCHOR_OVERLAP_SECONDS = 900
"""The log is read from so long before the newest anchor on: three anchors may have been lost."""


def fetch(directory: Path, *, table: Table, bucket: str, s3: Any = None) -> None:
    """Write a copy into a directory: archive/, anchors/ and live.ndjson.

    Of an object that was put more than once, or removed, every version is fetched: the lock keeps
    the first one, and whoever can write the bucket can only put others over it.
    """
    s3 = s3 or aws_client("s3")
    archived = dict.fromkeys(range(AUDIT_CHAINS), 0)
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for entry in page.get("Versions", []):
            name, version = entry["Key"], entry["VersionId"]
            path = directory / name
            path = path.with_name(f"{version}-{path.name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            answer = s3.get_object(Bucket=bucket, Key=name, VersionId=version)
            path.write_bytes(answer["Body"].read())
            if name.startswith("archive/"):
                chain = int(name.split("/")[1])
                last = int(name.rpartition("-")[2].partition(".")[0])
                archived[chain] = max(archived[chain], last)
    store = AuditChainStore(table)
    with (directory / "live.ndjson").open("wb") as live:
        for chain, last in archived.items():
            for block in store.after(chain, last):
                live.write(block_line(block) + b"\n")
                for start in range(0, len(block.entries), 100):
                    for row in store.rows(block.entries[start : start + 100]).values():
                        live.write(canonical({"row": row}) + b"\n")


def fetch_keys(path: Path, *, prefix: str) -> None:
    """Write the public keys as they are now. A copy of an earlier day is worth more."""
    answer = aws_client("ssm").get_parameter(Name=f"{prefix}/audit-public-keys")
    path.write_text(json.dumps(json.loads(answer["Parameter"]["Value"]), indent=2))


def fetch_witnesses(directory: Path, *, log_group: str, logs: Any = None) -> None:
    """Write the heads that the chainer has told the log, since shortly before the newest anchor."""
    logs = logs or aws_client("logs")
    newest = max((anchor["at"] for anchor in read_anchors(directory)), default=0)
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
    return [str(head) for head in line["heads"]]

"""Fetches a copy of the audit trail: what was archived to S3, and what has come since."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from latchkey.domain.audit_chain import canonical
from latchkey.domain.limits import AUDIT_CHAINS
from latchkey.flows.audit_chain import block_line
from latchkey.storage.audit_chain import AuditChainStore
from latchkey.storage.boto_client import aws_client

if TYPE_CHECKING:
    from pathlib import Path

    from latchkey.storage.table import Table


def fetch(directory: Path, *, table: Table, bucket: str, s3: Any = None) -> None:
    """Write a copy into a directory: archive/, anchors/ and live.ndjson."""
    s3 = s3 or aws_client("s3")
    archived = dict.fromkeys(range(AUDIT_CHAINS), 0)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            name = entry["Key"]
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(s3.get_object(Bucket=bucket, Key=name)["Body"].read())
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

"""`python -m tools.audit fetch` and `python -m tools.audit verify`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tools.audit.verify import read_anchors, read_lines, verify


def main(arguments: list[str]) -> int:
    """Fetch a copy of a deployment's trail, or verify a copy. 1: something is not as it was."""
    parser = argparse.ArgumentParser(prog="python -m tools.audit")
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser("fetch", help="write a copy of a deployment's trail")
    fetch.add_argument("directory", type=Path)
    fetch.add_argument("--table", required=True, help="the output AuditTableName")
    fetch.add_argument("--bucket", required=True, help="the output AuditBucketName")
    fetch.add_argument("--prefix", required=True, help="/latchkey/<stack>")
    check = commands.add_parser("verify", help="verify a copy, offline")
    check.add_argument("directory", type=Path)
    check.add_argument("--keys", type=Path, required=True, help="the public keys, as JWKS")
    options = parser.parse_args(arguments)
    if options.command == "fetch":
        return _fetch(options)
    jwks = json.loads(options.keys.read_text())
    report = verify(read_lines(options.directory), read_anchors(options.directory), jwks)
    for finding in report.findings:
        print(finding.line())
    print(f"{report.rows} rows, {report.blocks} blocks, {report.anchors} anchors:", end=" ")
    print(f"{len(report.findings)} findings" if report.findings else "as they were written")
    return 1 if report.findings else 0


def _fetch(options: argparse.Namespace) -> int:
    # Only here: verifying needs none of it.
    from latchkey.storage.boto_client import BotoClient  # noqa: PLC0415
    from latchkey.storage.dynamodb import DynamoDBTable  # noqa: PLC0415
    from tools.audit import export  # noqa: PLC0415

    options.directory.mkdir(parents=True, exist_ok=True)
    table = DynamoDBTable(BotoClient(), {"main": "", "audit": options.table})
    export.fetch(options.directory, table=table, bucket=options.bucket)
    export.fetch_keys(options.directory / "public-keys.json", prefix=options.prefix)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m tools.audit fetch`, `verify` and `redrive`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tools.audit.verify import read_anchors, read_lines, read_witnesses, verify


def main(arguments: list[str]) -> int:
    """Fetch a copy of a deployment's trail, or verify a copy. 1: something is not as it was."""
    parser = argparse.ArgumentParser(prog="python -m tools.audit")
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser("fetch", help="write a copy of a deployment's trail")
    fetch.add_argument("directory", type=Path)
    fetch.add_argument("--stack", required=True, help="the stack's name")
    check = commands.add_parser("verify", help="verify a copy, offline")
    check.add_argument("directory", type=Path)
    check.add_argument("--keys", type=Path, required=True, help="the public keys, as JWKS")
    again = commands.add_parser("redrive", help="record the requests that are dead letters")
    again.add_argument("--stack", required=True, help="the stack's name")
    options = parser.parse_args(arguments)
    if options.command == "fetch":
        return _fetch(options)
    if options.command == "redrive":
        return _redrive(options)
    return _verify(parser, options)


def _verify(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    directory: Path = options.directory
    for path in (directory, options.keys):
        if not path.exists():
            parser.error(f"there is no {path}")
    jwks = json.loads(options.keys.read_text())
    report = verify(read_lines(directory), read_anchors(directory), jwks, read_witnesses(directory))
    for finding in report.findings:
        print(finding.line())
    print(
        f"{report.rows} rows, {report.blocks} blocks, {report.anchors} anchors, "
        f"{report.witnesses} lines of the log:",
        f"{len(report.findings)} findings" if report.findings else "as they were written",
    )
    if report.rows and not report.anchors:
        print("There is no anchor: rows cut off the end could not be missed.", file=sys.stderr)
    return 1 if report.findings else 0


def _outputs(stack: str) -> dict[str, str]:
    from latchkey.storage.boto_client import aws_client  # noqa: PLC0415

    found = aws_client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    return {output["OutputKey"]: output["OutputValue"] for output in found}


def _redrive(options: argparse.Namespace) -> int:
    from tools.audit.redrive import redrive  # noqa: PLC0415

    outputs = _outputs(options.stack)
    done, failed = redrive(
        outputs["RecordRequestsDeadLettersUrl"], outputs["RecordRequestsFunctionName"]
    )
    print(f"{done} batches recorded, {failed} failed again")
    return 1 if failed else 0


def _fetch(options: argparse.Namespace) -> int:
    # Only here: verifying needs none of it.
    from latchkey.storage.boto_client import BotoClient  # noqa: PLC0415
    from latchkey.storage.dynamodb import DynamoDBTable  # noqa: PLC0415
    from tools.audit import export  # noqa: PLC0415

    outputs = _outputs(options.stack)
    options.directory.mkdir(parents=True, exist_ok=True)
    table = DynamoDBTable(BotoClient(), {"main": "", "audit": outputs["AuditTableName"]})
    export.fetch(options.directory, table=table, bucket=outputs["AuditBucketName"])
    export.fetch_witnesses(options.directory, log_group=outputs["LogGroupName"])
    keys = options.directory / "public-keys.json"
    export.fetch_keys(keys, prefix=f"/latchkey/{options.stack}")
    print(f"{options.directory}: verify it with --keys {keys}, or with keys of an earlier day")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

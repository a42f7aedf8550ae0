"""`python -m tools.audit fetch`, `verify` and `redrive`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.audit import verify


def main(arguments: list[str]) -> int:
    """Fetch or verify a copy, or redrive dead letters. Returns 1 if there is a finding."""
    parser = argparse.ArgumentParser(prog="python -m tools.audit")
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser("fetch", help="write a copy of a deployment's trail")
    fetch.add_argument("directory", type=Path)
    fetch.add_argument("--stack", required=True, help="the stack's name")
    check = commands.add_parser("verify", help="verify a copy, offline")
    verify.add_arguments(check)
    again = commands.add_parser("redrive", help="record the requests that are dead letters")
    again.add_argument("--stack", required=True, help="the stack's name")
    options = parser.parse_args(arguments)
    if options.command == "fetch":
        return _fetch(options)
    if options.command == "redrive":
        return _redrive(options)
    return verify.run(options)


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
    # Imported here, because verifying does not need it.
    from latchkey.storage.boto_client import BotoClient  # noqa: PLC0415
    from latchkey.storage.dynamodb import DynamoDBTable  # noqa: PLC0415
    from tools.audit import export  # noqa: PLC0415

    outputs = _outputs(options.stack)
    options.directory.mkdir(parents=True, exist_ok=True)
    table = DynamoDBTable(BotoClient(), {"main": "", "audit": outputs["AuditTableName"]})
    strange = export.fetch(options.directory, table=table, bucket=outputs["AuditBucketName"])
    path = options.directory / "public-keys.json"
    keys = export.fetch_keys(path, prefix=f"/latchkey/{options.stack}")
    export.fetch_witnesses(options.directory, log_group=outputs["LogGroupName"], keys=keys)
    for name in strange:
        print(f"not ours, and left in the bucket: {name!r}", file=sys.stderr)
    print(f"{options.directory}: verify it with --keys {path}, or with keys of an earlier day")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

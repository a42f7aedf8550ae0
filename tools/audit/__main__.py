"""`python -m tools.audit fetch`, `verify`, `redrive` and `rebuild`."""

from __future__ import annotations

import argparse
import sys
from datetime import date, timedelta
from pathlib import Path

from tools.audit import verify


def main(arguments: list[str]) -> int:
    """Fetch or verify a copy, redrive dead letters, or rebuild the index of requests.

    Returns 1 if there is a finding, or if something is not done.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.audit")
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser("fetch", help="write a copy of a deployment's trail")
    fetch.add_argument("directory", type=Path)
    fetch.add_argument("--stack", required=True, help="the stack's name")
    check = commands.add_parser("verify", help="verify a copy, offline")
    verify.add_arguments(check)
    again = commands.add_parser("redrive", help="record the requests that are dead letters")
    again.add_argument("--stack", required=True, help="the stack's name")
    index = commands.add_parser("rebuild", help="rebuild the index of requests from a copy")
    index.add_argument("directory", type=Path, help="the copy")
    index.add_argument("--stack", required=True, help="the stack's name")
    index.add_argument("--since", required=True, type=date.fromisoformat, help="the first day")
    index.add_argument("--until", required=True, type=date.fromisoformat, help="the last day")
    options = parser.parse_args(arguments)
    if options.command == "rebuild":
        return _rebuild(options)
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


def _rebuild(options: argparse.Namespace) -> int:
    from latchkey.storage.boto_client import BotoClient, aws_client  # noqa: PLC0415
    from latchkey.storage.dynamodb import DynamoDBTable  # noqa: PLC0415
    from latchkey.storage.request_index import RequestIndexStore  # noqa: PLC0415
    from latchkey.storage.s3_index_files import S3IndexFiles  # noqa: PLC0415
    from tools.audit.rebuild import Incomplete, Rebuild  # noqa: PLC0415

    (stack,) = aws_client("cloudformation").describe_stacks(StackName=options.stack)["Stacks"]
    given = {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]}
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    table = DynamoDBTable(BotoClient(), {"main": outputs["TableName"], "audit": ""})
    retention = timedelta(days=int(given["RequestRetentionDays"]))
    task = Rebuild(
        copy=options.directory,
        work=options.directory / "index",
        index=RequestIndexStore(table, request_retention=retention),
        files=S3IndexFiles(outputs["AuditIndexBucketName"]),
    )
    try:
        for day, requests, is_changed in task.run(options.since, options.until):
            print(f"{day}: {requests} requests, {'replaced' if is_changed else 'unchanged'}")
    except Incomplete as missing:
        print(f"{missing} is missing. Fetch the copy again in an hour", file=sys.stderr)
        return 1
    return 0


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

"""List and delete what a stack leaves behind: `python -m tools.recovery.teardown STACK`.

Deleting the stack retains tables, buckets and keys, because they can't be recreated. This lists
them, and with `--confirm STACK` deletes the stack and all of them.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from tools.preflight.account import Account
from tools.preflight.stack_checks import describe_stack
from tools.recovery.stack_keys import prefix

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT = {"AWS::DynamoDB::Table": "tables", "AWS::S3::Bucket": "buckets"}
BATCH = 1000
"""Objects per delete request of S3."""


@dataclass
class RetainedResources:
    """Retained resources of a stack."""

    tables: list[str] = field(default_factory=list)
    buckets: list[str] = field(default_factory=list)
    parameters: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.tables or self.buckets or self.parameters)


class Teardown:
    """The removal of one stack."""

    def __init__(self, stack: str, make_client: Callable[..., Any] = boto3.client) -> None:
        """Inspect this stack, which may be deleted already."""
        self._stack = stack
        self._client = make_client
        self._cloudformation = make_client("cloudformation")

    @property
    def is_there(self) -> bool:
        """Return whether the stack exists."""
        region = self._cloudformation.meta.region_name
        return describe_stack(Account(region, self._client), self._stack) is not None

    def retained(self) -> RetainedResources:
        """Find the stack's resources, and those of a deleted stack by their names."""
        found = RetainedResources(parameters=self._parameters())
        if self.is_there:
            pages = self._cloudformation.get_paginator("list_stack_resources")
            for page in pages.paginate(StackName=self._stack):
                for each in page["StackResourceSummaries"]:
                    kind = KEPT.get(each["ResourceType"])
                    if kind is not None and each.get("PhysicalResourceId"):
                        getattr(found, kind).append(each["PhysicalResourceId"])
        found.tables = sorted({*found.tables, *self._tables()})
        found.buckets = sorted({*found.buckets, *self._buckets()})
        return found

    def remove(
        self, retained: RetainedResources, say: Callable[[str], object] = print
    ) -> list[str]:
        """Delete everything. Returns what could not be deleted, with the reason."""
        left = []
        if self.is_there:
            # A bucket that is deleted with its stack must be empty.
            for bucket in retained.buckets:
                if "pagebucket" in bucket:
                    self._empty(bucket)
            self._cloudformation.delete_stack(StackName=self._stack)
            self._cloudformation.get_waiter("stack_delete_complete").wait(StackName=self._stack)
            say(f"removed the stack {self._stack}")
        for kind, names, removal in (
            ("table", retained.tables, self._remove_table),
            ("bucket", retained.buckets, self._remove_bucket),
            ("parameter", retained.parameters, self._remove_parameter),
        ):
            for name in names:
                try:
                    removal(name)
                except ClientError as error:
                    left.append(f"{kind} {name}: {error.response['Error'].get('Message', error)}")
                else:
                    say(f"removed the {kind} {name}")
        return left

    def _parameters(self) -> list[str]:
        pages = self._client("ssm").get_paginator("describe_parameters")
        filters = [{"Key": "Name", "Option": "BeginsWith", "Values": [prefix(self._stack)]}]
        return sorted(
            each["Name"]
            for page in pages.paginate(ParameterFilters=filters)
            for each in page["Parameters"]
        )

    def _tables(self) -> list[str]:
        pages = self._client("dynamodb").get_paginator("list_tables").paginate()
        made = re.compile(rf"{re.escape(self._stack)}-(Audit)?Table-[A-Z0-9]+")
        return [name for page in pages for name in page["TableNames"] if made.fullmatch(name)]

    def _buckets(self) -> list[str]:
        made = re.compile(rf"{re.escape(self._stack.lower())}-(export|media|audit|page)bucket-.+")
        found = self._client("s3").list_buckets()["Buckets"]
        return [each["Name"] for each in found if made.fullmatch(each["Name"])]

    def _remove_table(self, name: str) -> None:
        dynamodb = self._client("dynamodb")
        try:
            dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
            dynamodb.get_waiter("table_exists").wait(TableName=name)
            dynamodb.delete_table(TableName=name)
        except dynamodb.exceptions.ResourceNotFoundException:
            return

    def _remove_bucket(self, name: str) -> None:
        s3 = self._client("s3")
        try:
            self._empty(name)
            s3.delete_bucket(Bucket=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise

    def _empty(self, bucket: str) -> None:
        """Delete every version of every object. S3 refuses locked ones."""
        s3 = self._client("s3")
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            keys = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
            for start in range(0, len(keys), BATCH):
                s3.delete_objects(
                    Bucket=bucket, Delete={"Objects": keys[start : start + BATCH], "Quiet": True}
                )

    def _remove_parameter(self, name: str) -> None:
        self._client("ssm").delete_parameter(Name=name)


def run(
    teardown: Teardown, stack: str, confirmed: str, say: Callable[[str], object] = print
) -> int:
    """List the resources, and delete them if confirmed. Returns 1 if something remains."""
    retained = teardown.retained()
    if not retained and not teardown.is_there:
        say(f"Nothing is left of {stack}.")
        return 0
    if teardown.is_there:
        say(f"The stack {stack} and its retained resources:")
    for kind, names in vars(retained).items():
        for name in names:
            say(f"  {kind.removesuffix('s'):9} {name}")
    if confirmed != stack:
        say(f"\nNothing was removed. CONFIRM={stack} deletes all of it permanently.")
        return 0
    left = teardown.remove(retained, say)
    for each in left:
        say(f"LEFT: {each}")
    return 1 if left else 0


def main(arguments: list[str]) -> int:
    """List what a stack leaves behind, or delete it."""
    parser = argparse.ArgumentParser(prog="python -m tools.recovery.teardown")
    parser.add_argument("stack")
    parser.add_argument("--confirm", default="", metavar="STACK", help="the stack's name, again")
    options = parser.parse_args(arguments)
    return run(Teardown(options.stack), options.stack, options.confirm)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

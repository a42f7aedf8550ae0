"""Show or execute a change set: `python -m tools.changeset show|execute STACK`.

`show` prints the newest pending one as Markdown. `execute` executes exactly the named one, so that
the approved changes are the executed ones.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from collections.abc import Mapping

LOSES_DATA = {"True": "**replaced**", "Conditional": "perhaps replaced", "False": ""}
WAIT = {"Delay": 10, "MaxAttempts": 360}
"""An hour: a distribution takes minutes, a gradual release as long as configured."""


def newest(cloudformation: Any, stack: str) -> str | None:
    """Return the id of the newest pending change set."""
    pages = cloudformation.get_paginator("list_change_sets").paginate(StackName=stack)
    waiting = [
        each
        for page in pages
        for each in page["Summaries"]
        if each.get("ExecutionStatus") == "AVAILABLE"
    ]
    if not waiting:
        return None
    name: str = max(waiting, key=lambda each: each["CreationTime"])["ChangeSetId"]
    return name


def describe(cloudformation: Any, change_set: str) -> str:
    """Return the changes as Markdown. Replaced and removed resources come first."""
    pages = cloudformation.get_paginator("describe_change_set").paginate(ChangeSetName=change_set)
    changes = [
        change["ResourceChange"]
        for page in pages
        for change in page["Changes"]
        if change.get("Type") == "Resource"
    ]
    changes.sort(key=lambda change: (_rank(change), change["LogicalResourceId"]))
    rows = [
        f"| {change['Action']} | {change['LogicalResourceId']} | {change['ResourceType']} "
        f"| {LOSES_DATA.get(change.get('Replacement', 'False'), '')} |"
        for change in changes
    ]
    head = [f"{len(changes)} changes", "", "| | resource | type | |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def _rank(change: Mapping[str, Any]) -> int:
    if change["Action"] == "Remove" or change.get("Replacement") == "True":
        return 0
    return 1 if change.get("Replacement") == "Conditional" else 2


def execute(cloudformation: Any, stack: str, change_set: str) -> str:
    """Execute a change set and wait for its end. Returns the status of the stack.

    Raises botocore's WaiterError if it fails. CloudFormation has rolled it back then.
    """
    state = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    cloudformation.execute_change_set(ChangeSetName=change_set, StackName=stack)
    kind = "create" if state == "REVIEW_IN_PROGRESS" else "update"
    waiter = cloudformation.get_waiter(f"stack_{kind}_complete")
    waiter.wait(StackName=stack, WaiterConfig=WAIT)
    found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    return str(found)


def main(arguments: list[str]) -> int:
    """Show or execute a change set. `show` also writes the id for later steps of the workflow."""
    parser = argparse.ArgumentParser(prog="python -m tools.changeset")
    commands = parser.add_subparsers(dest="command", required=True)
    shown = commands.add_parser("show", help="print what the newest change set would change")
    shown.add_argument("stack")
    executed = commands.add_parser("execute", help="execute one and wait")
    executed.add_argument("stack")
    executed.add_argument("change_set", help="its id, as `show` wrote it")
    options = parser.parse_args(arguments)
    cloudformation = boto3.client("cloudformation")
    if options.command == "execute":
        print(execute(cloudformation, options.stack, options.change_set))
        return 0
    found = newest(cloudformation, options.stack)
    print("Nothing changes." if found is None else describe(cloudformation, found))
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a") as file:
            file.write(f"change_set={found or ''}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

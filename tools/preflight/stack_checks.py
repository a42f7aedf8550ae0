"""Checks of the stack: its status, remains of an earlier one, its template."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tools.preflight.findings import fails, ok, warning
from tools.rules import broken
from tools.template import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tools.preflight.account import Account
    from tools.preflight.findings import Finding
    from tools.preflight.plan import Plan


TEMPLATE_MAX_BYTES = 1_000_000
"""CloudFormation's limit for a template in S3."""

RESOURCES_MAX = 500
"""CloudFormation's limit for a template."""

UNUSABLE_STATES = {
    "ROLLBACK_COMPLETE": "its first deploy failed. Delete it: `sam delete --stack-name {stack}`",
    "ROLLBACK_FAILED": "its first deploy failed. Delete it: `sam delete --stack-name {stack}`",
    "CREATE_FAILED": "its first deploy failed. Delete it: `sam delete --stack-name {stack}`",
    "DELETE_FAILED": "its deletion failed. Delete what is left, then delete it again",
    "REVIEW_IN_PROGRESS": None,
    "UPDATE_ROLLBACK_FAILED": (
        "an update could not be rolled back. Run "
        "`aws cloudformation continue-update-rollback --stack-name {stack}`"
    ),
}


def stack_state(_account: Account, plan: Plan) -> Iterator[Finding]:
    """The stack can be updated, or does not exist."""
    if plan.deployed is None:
        yield ok(f"There is no stack {plan.stack}: this is its first deploy.")
        return
    state = plan.deployed["StackStatus"]
    if state in UNUSABLE_STATES and (why := UNUSABLE_STATES[state]) is not None:
        yield fails(f"The stack {plan.stack} is {state}: {why.format(stack=plan.stack)}.")
    elif state.endswith("_IN_PROGRESS") and state != "REVIEW_IN_PROGRESS":
        yield fails(f"The stack {plan.stack} is {state}: wait until that has ended.")
    else:
        yield ok(f"The stack {plan.stack} is {state} and takes an update.")


def parameters(_account: Account, plan: Plan) -> Iterator[Finding]:
    """Every parameter has a value, and the template's Rules accept them."""
    missing = sorted(set(load()["Parameters"]) - set(plan.values))
    if missing:
        yield fails(f"{', '.join(missing)} has no value: give it on the command line, NAME=VALUE.")
        return
    sentences = [sentence for rule in broken(plan.values).values() for sentence in rule]
    for sentence in sentences:
        yield fails(f"{sentence}.")
    if not sentences:
        yield ok("The parameters fit together.")


def leftovers(account: Account, plan: Plan) -> Iterator[Finding]:
    """No remains of a deleted stack of the same name are in the way."""
    if plan.deployed is not None and plan.deployed["StackStatus"] != "REVIEW_IN_PROGRESS":
        return
    prefix = f"/latchkey/{plan.stack}/"
    names = [
        parameter["Name"]
        for parameter in account.list_all(
            "ssm",
            "describe_parameters",
            "Parameters",
            ParameterFilters=[{"Key": "Name", "Option": "BeginsWith", "Values": [prefix]}],
        )
    ]
    if names:
        yield warning(
            f"Parameter Store has keys of an earlier stack {plan.stack}: "
            f"{', '.join(sorted(names))}. The new stack uses them; "
            "`make teardown` removes them."
        )
    made = re.compile(rf"{re.escape(plan.stack)}-(Audit)?Table-[A-Z0-9]+")
    tables = [
        name
        for name in account.list_all("dynamodb", "list_tables", "TableNames")
        if made.fullmatch(name)
    ]
    buckets = [
        bucket["Name"]
        for bucket in account.list_all("s3", "list_buckets", "Buckets")
        if re.match(
            rf"{re.escape(plan.stack.lower())}-(export|media|audit|page)bucket-", bucket["Name"]
        )
    ]
    if tables or buckets:
        yield warning(
            "An earlier stack of this name has left "
            f"{', '.join(sorted(tables + buckets))}. The new stack makes its own and does not use "
            "them; `make teardown` removes them, docs/runbooks/restore.md brings their data back."
        )
    if not (names or tables or buckets):
        yield ok(f"Nothing is left of an earlier stack {plan.stack}.")


def template_size(account: Account, plan: Plan) -> Iterator[Finding]:
    """CloudFormation accepts the size of the template, from SAM's bucket."""
    count = len(plan.template["Resources"])
    if plan.size > TEMPLATE_MAX_BYTES or count > RESOURCES_MAX:
        yield fails(
            f"The template has {count} resources in {plan.size:,} bytes, and CloudFormation takes "
            f"{RESOURCES_MAX} in {TEMPLATE_MAX_BYTES:,}."
        )
        return
    bucket_stack = describe_stack(account, "aws-sam-cli-managed-default")
    if bucket_stack is not None and not bucket_stack["StackStatus"].endswith("_COMPLETE"):
        yield fails(
            "SAM uploads through the stack aws-sam-cli-managed-default, which is "
            f"{bucket_stack['StackStatus']}: delete it, and SAM makes it again."
        )
        return
    yield ok(f"{count} resources in {plan.size:,} bytes, uploaded to S3 by SAM.")


def describe_stack(account: Account, name: str) -> Mapping[str, Any] | None:
    """Return a stack as DescribeStacks has it; None when there is none. Raises as Account.ask."""
    try:
        found = account.ask("cloudformation", "describe_stacks", StackName=name)["Stacks"]
    except ClientError as error:
        # CloudFormation has no code of its own for a stack that is not there.
        if "does not exist" in error.response["Error"].get("Message", ""):
            return None
        raise
    stack: Mapping[str, Any] = found[0]
    return stack

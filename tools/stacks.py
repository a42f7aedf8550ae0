"""Reads outputs and resources of a deployed stack."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.exceptions import ClientError


def outputs(stack: str, cloudformation: Any = None) -> dict[str, str]:
    """Return a stack's outputs by name."""
    client = cloudformation or boto3.client("cloudformation")
    found = client.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    return {output["OutputKey"]: output["OutputValue"] for output in found}


def physical_id(cloudformation: Any, stack: str, logical_id: str) -> str | None:
    """Return the physical id of a resource, or None."""
    try:
        found = cloudformation.describe_stack_resource(
            StackName=stack, LogicalResourceId=logical_id
        )
    except ClientError as error:
        if "does not exist" in error.response["Error"].get("Message", ""):
            return None
        raise
    name: str = found["StackResourceDetail"]["PhysicalResourceId"]
    return name

"""What a deployed stack says of itself."""

from __future__ import annotations

from typing import Any

import boto3


def outputs(stack: str, cloudformation: Any = None) -> dict[str, str]:
    """Return a stack's outputs by name."""
    client = cloudformation or boto3.client("cloudformation")
    found = client.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    return {output["OutputKey"]: output["OutputValue"] for output in found}

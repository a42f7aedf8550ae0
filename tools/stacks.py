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


def releases(stack: str) -> tuple[str, dict[str, str]]:
    """Return a stack's `Release`, and the one of each alias's version by its function.

    Raises ClientError.
    """
    cloudformation, functions = boto3.client("cloudformation"), boto3.client("lambda")
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    given = {each["ParameterKey"]: each["ParameterValue"] for each in described["Parameters"]}
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    aliases = [
        each["PhysicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["ResourceType"] == "AWS::Lambda::Alias"
    ]
    published = {}
    for alias in aliases:
        found = functions.get_function_configuration(FunctionName=alias)
        variables = found["Environment"]["Variables"]
        published[variables["OPERATION"]] = variables["RELEASE"]
    return given["Release"], published


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

"""Invoke a function that has no route: `python -m tools.invoke STACK LOGICAL_ID JSON`.

It uses boto3, so that `make admin` does not need a particular version of the AWS CLI.
"""

from __future__ import annotations

import sys

import boto3


def main(arguments: list[str]) -> int:
    """Print the function's result. Returns 1 if it raised."""
    stack, logical_id, payload = arguments
    found = boto3.client("cloudformation").describe_stack_resource(
        StackName=stack, LogicalResourceId=logical_id
    )
    name = found["StackResourceDetail"]["PhysicalResourceId"]
    answer = boto3.client("lambda").invoke(FunctionName=name, Payload=payload.encode())
    print(answer["Payload"].read().decode())
    return 1 if answer.get("FunctionError") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

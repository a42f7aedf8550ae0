"""Invoke a function that no route leads to: `python -m tools.invoke STACK LOGICAL_ID JSON`.

With boto3, which is here already: `make admin` must not need a particular release of the AWS CLI.
"""

from __future__ import annotations

import sys

import boto3


def main(arguments: list[str]) -> int:
    """Print the function's answer; 1 if it raised."""
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

"""Deliver dead letters again: `python -m tools.dead_letters STACK NAME`.

It moves the messages of the stack's NAMEDeadLetters back to its NAMEQueue. The worker claims each
message before it works on it, so this can be repeated at any time.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import boto3


def redrive(sqs: Any, *, source: str, target: str) -> int:
    """Move every message of a queue to another queue. Returns their number.

    Race: a message is sent before it is deleted. A crash in between leaves two copies, which are
    processed once.
    """
    moved = 0
    while letters := sqs.receive_message(
        QueueUrl=source, MaxNumberOfMessages=10, WaitTimeSeconds=1
    ).get("Messages", []):
        for letter in letters:
            sqs.send_message(QueueUrl=target, MessageBody=letter["Body"])
            sqs.delete_message(QueueUrl=source, ReceiptHandle=letter["ReceiptHandle"])
            moved += 1
    return moved


def main(arguments: list[str]) -> int:
    """Move the messages and print their number."""
    stack, name = arguments
    sqs = boto3.client("sqs")
    source, target = (_url(sqs, stack, f"{name}{kind}") for kind in ("DeadLetters", "Queue"))
    print(json.dumps({"redriven": redrive(sqs, source=source, target=target)}))
    return 0


def _url(sqs: Any, stack: str, logical_id: str) -> str:
    found = boto3.client("cloudformation").describe_stack_resource(
        StackName=stack, LogicalResourceId=logical_id
    )
    physical_id = found["StackResourceDetail"]["PhysicalResourceId"]
    # By the name: the physical id in an emulator may be a URL of a host that it does not listen on.
    url: str = sqs.get_queue_url(QueueName=physical_id.rpartition("/")[2])["QueueUrl"]
    return url


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

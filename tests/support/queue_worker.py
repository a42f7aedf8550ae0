"""A queue's worker on the deployed stack: what reaches it, and when."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tools.local.stack import LocalStack

PATIENCE_SECONDS = 240
"""Generous: a cold relay and a cold worker behind everything else that runs."""


def until(condition: Callable[[], Any], seconds: int = PATIENCE_SECONDS) -> Any:
    """Wait for something, and return it."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, condition
        time.sleep(0.5)
    return answer


@dataclass(frozen=True)
class QueueWorker:
    """A worker, as its queue feeds it."""

    stack: LocalStack
    operation: str

    def pause(self, *, paused: bool) -> None:
        """Let nothing reach it, or everything again."""
        client = self.stack.client("lambda")
        name = self.stack.deployment.function_name(self.operation)
        (mapping,) = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=not paused)

    def queue(self, logical_id: str) -> str:
        """Tell the URL of a queue."""
        name = self.stack.deployment.physical_ids[logical_id].rpartition("/")[2]
        url: str = self.stack.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
        return url

    def waiting(self, logical_id: str) -> int:
        """Return how many messages are visible in a queue."""
        attribute = "ApproximateNumberOfMessages"
        answer = self.stack.client("sqs").get_queue_attributes(
            QueueUrl=self.queue(logical_id), AttributeNames=[attribute]
        )
        return int(answer["Attributes"][attribute])

    def outbox(self, prefix: str) -> list[dict[str, Any]]:
        """Read what waits in the outbox for a queue."""
        pages = self.stack.client("dynamodb").get_paginator("scan")
        return [
            item
            for page in pages.paginate(TableName=self.stack.table_name)
            for item in page["Items"]
            if item["pk"]["S"].startswith("OUTBOX#") and item["sk"]["S"].startswith(f"{prefix}#")
        ]

    def take(self, logical_id: str, message_ids: set[str]) -> list[str]:
        """Take these messages out of a queue and return their bodies, as the relay has sent them.

        What else there is comes back to the queue's worker after a moment.
        """
        sqs, url = self.stack.client("sqs"), self.queue(logical_id)
        bodies: dict[str, str] = {}

        def complete() -> bool:
            answer = sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=5, WaitTimeSeconds=1
            )
            for message in answer.get("Messages", []):
                message_id = json.loads(message["Body"])["message_id"]
                if message_id in message_ids:
                    bodies[message_id] = message["Body"]
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return bodies.keys() == message_ids

        until(complete)
        return list(bodies.values())

    @contextlib.contextmanager
    def showing_again_after_a_second(self, *logical_ids: str) -> Iterator[None]:
        """Let queues show a message again after a second, not after minutes."""
        sqs, name = self.stack.client("sqs"), "VisibilityTimeout"
        urls = [self.queue(logical_id) for logical_id in logical_ids]
        before = [
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"]
            for url in urls
        ]
        for url in urls:
            sqs.set_queue_attributes(QueueUrl=url, Attributes={name: "1"})
        try:
            yield
        finally:
            for url, attributes in zip(urls, before, strict=True):
                sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)


def outcomes(stack: LocalStack, operation: str, message_id: str) -> Counter[str]:
    """Return how a message's deliveries to a function ended, by its log."""
    lines = [json.loads(line) for line in stack.logs(message_id)]
    return Counter(
        line["outcome"] for line in lines if "outcome" in line and line["operation"] == operation
    )


def run_make(stack: LocalStack, target: str) -> Any:
    """Do what the operations manual says, and return the JSON that it prints."""
    shown = subprocess.run(  # noqa: S603
        ["make", "--silent", target, f"STACK={stack.deployment.name}"],  # noqa: S607
        cwd=ROOT,
        env=os.environ | stack.emulator.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(shown.stdout)

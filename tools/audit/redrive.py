"""Records requests again whose log lines could not be recorded."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from latchkey.storage.boto_client import aws_client

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENT = Config(read_timeout=130, retries={"total_max_attempts": 1})
"""The timeout of the function is two minutes."""

PARALLEL_BATCHES = 10
"""As many as SQS returns at once."""


def redrive(
    queue_url: str, function: str, *, sqs: Any = None, functions: Any = None
) -> tuple[int, int]:
    """Send every dead letter to the function again, and delete the recorded ones.

    A row's id is derived from its request's id, so running this twice records nothing twice.

    Returns the number of recorded and of failed batches. Failed ones stay in the queue.
    """
    sqs, functions = sqs or aws_client("sqs"), functions or aws_client("lambda", PATIENT)
    done = failed = 0

    def again(letter: Mapping[str, Any]) -> bool:
        event = json.loads(letter["Body"])["requestPayload"]
        if not _records(functions, function, event):
            return False
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=letter["ReceiptHandle"])
        return True

    with ThreadPoolExecutor(PARALLEL_BATCHES) as pool:
        while letters := _receive(sqs, queue_url):
            results = list(pool.map(again, letters))
            done += sum(results)
            failed += len(results) - sum(results)
    return done, failed


def _receive(sqs: Any, queue_url: str) -> list[dict[str, Any]]:
    # Hidden long enough that a failed one is not received twice in one run.
    answer = sqs.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1, VisibilityTimeout=900
    )
    return list(answer.get("Messages", []))


def _records(functions: Any, function: str, event: Mapping[str, Any]) -> bool:
    answer = functions.invoke(FunctionName=function, Payload=json.dumps(event))
    return "FunctionError" not in answer

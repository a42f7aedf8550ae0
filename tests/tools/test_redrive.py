"""Dead letters of `record_requests` are sent to it again."""

from __future__ import annotations

import json
import threading

from tools.audit.redrive import PARALLEL_BATCHES, redrive


class Queue:
    """SQS, as boto3 sees it."""

    def __init__(self, count) -> None:
        self.waiting = [
            {"ReceiptHandle": f"{n}", "Body": json.dumps({"requestPayload": {"batch": n}})}
            for n in range(count)
        ]
        self.deleted: list[int] = []

    def receive_message(self, *, MaxNumberOfMessages, **_):  # noqa: N803 - boto3's names
        letters = self.waiting[:MaxNumberOfMessages]
        del self.waiting[:MaxNumberOfMessages]
        return {"Messages": letters} if letters else {}

    def delete_message(self, *, ReceiptHandle, **_):  # noqa: N803
        self.deleted.append(int(ReceiptHandle))


class Functions:
    """Lambda, as boto3 sees it: an invocation ends when ten have begun, as long as ten come."""

    def __init__(self, failing=()) -> None:
        self.failing = failing
        self.together = threading.Barrier(PARALLEL_BATCHES)

    def invoke(self, *, Payload, **_):  # noqa: N803
        number = json.loads(Payload)["batch"]
        self.together.wait(timeout=10)
        return {"FunctionError": "Unhandled"} if number in self.failing else {}


def test_ten_batches_are_recorded_at_once():
    queue = Queue(20)
    assert redrive("q", "f", sqs=queue, functions=Functions()) == (20, 0)
    assert sorted(queue.deleted) == list(range(20))


def test_a_failed_batch_stays_in_the_queue():
    queue = Queue(10)
    assert redrive("q", "f", sqs=queue, functions=Functions(failing={3, 7})) == (8, 2)
    assert sorted(queue.deleted) == [n for n in range(10) if n not in {3, 7}]

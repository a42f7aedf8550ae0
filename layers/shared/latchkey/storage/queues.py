"""The SQS queues. A message has only the id of an outbox message."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import batched
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from latchkey.observability import logger
from latchkey.storage.boto_client import aws_client

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from latchkey.domain.effects import Queue

_BATCH_MAX = 10
"""Source: SQS, SendMessageBatch."""


class Queues:
    """The queues that this function has the URL of."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        """Send to these: a queue's value to its URL."""
        self._urls = urls
        self._sqs = aws_client("sqs")

    def send(
        self, queue: Queue, message_ids: Sequence[str], *, delay: timedelta = timedelta()
    ) -> set[str]:
        """Send any number of messages. Returns the rejected ones.

        delay  of the delivery; at most POSTPONED_MAX_SECONDS

        Raises KeyError for a queue that this deployment does not have.
        """
        url = self._urls[queue.value]
        failed: set[str] = set()
        for batch in batched(message_ids, _BATCH_MAX, strict=False):
            failed |= self._send_batch(url, batch, delay)
        return failed

    def _send_batch(self, url: str, message_ids: Sequence[str], delay: timedelta) -> set[str]:
        later = {"DelaySeconds": int(delay.total_seconds())} if delay else {}
        entries = [
            {"Id": str(number), "MessageBody": json.dumps({"message_id": message_id}), **later}
            for number, message_id in enumerate(message_ids)
        ]
        try:
            answer = self._sqs.send_message_batch(QueueUrl=url, Entries=entries)
        except ClientError as error:
            logger.warning("not sent", queue_url=url, reason=error.response["Error"]["Code"])
            return set(message_ids)
        except BotoCoreError as error:
            logger.warning("not sent", queue_url=url, reason=type(error).__name__)
            return set(message_ids)
        # SQS returns rejected messages in an HTTP 200.
        return {message_ids[int(entry["Id"])] for entry in answer.get("Failed", [])}

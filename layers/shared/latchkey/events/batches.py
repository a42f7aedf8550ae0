"""Batches of SQS messages, processed by Powertools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from latchkey.events import Event


class _NotDoneError(Exception):
    """A message has to be delivered again. The reason is in the log."""


def process_messages(event: Event, work: Callable[[SQSRecord], bool]) -> Event:
    """Process a batch, message by message, in its order. Returns the messages that are not done.

    work  processes one message, and returns whether it is done
    """

    def handle(record: SQSRecord) -> None:
        if not work(record):
            raise _NotDoneError

    # A new processor for each batch, because it keeps the results. If all messages fail, all are
    # returned: an exception would count as a crash of the function.
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    response: Any = process_partial_response(event, handle, processor)
    return dict(response)

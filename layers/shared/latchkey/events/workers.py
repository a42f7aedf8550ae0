"""The wrapper around the workers of SQS queues.

Powertools' batch processor returns the messages that SQS has to deliver again
(ReportBatchItemFailures). The claim, the lease and the postponement of a message are ours.
"""

from __future__ import annotations

import time
from datetime import timedelta
from functools import update_wrapper
from secrets import randbelow
from typing import TYPE_CHECKING, Any

from latchkey.config import operation_name, runs_in_lambda
from latchkey.domain.effects import Postponed
from latchkey.domain.ids import MessageId
from latchkey.domain.limits import POSTPONED_MAX_SECONDS
from latchkey.events.batches import process_messages
from latchkey.observability import logger, record_server_error, units
from latchkey.storage.outbox import NotClaimed
from latchkey.wiring import resolve, services
from latchkey.wiring.mail import queues
from latchkey.wiring.storage import clock, outbox_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from latchkey.domain.effects import Queue
    from latchkey.events import Event
    from latchkey.wiring import Needs


class Worker:
    """A Lambda handler for an SQS queue. `__wrapped__` is the bare function."""

    def __init__(
        self,
        function: Callable[..., None],
        *,
        queue: Queue,
        lease: timedelta,
        needs: Needs,
        timed: bool,
    ) -> None:
        """Wrap a function. In Lambda, load its parts now, during the initialization."""
        self._function = function
        self._queue = queue
        self._lease = lease
        self._needs = needs
        self._timed = timed
        update_wrapper(self, function)
        self.operation = operation_name(function.__module__)
        if runs_in_lambda():
            resolve(needs)

    def __call__(self, event: Event, lambda_context: Any = None) -> Event:
        """Process a batch, message by message. Never raises."""
        batch = _Batch()
        return process_messages(event, lambda record: self._work(record, lambda_context, batch))

    def _work(self, record: SQSRecord, lambda_context: Any, batch: _Batch) -> bool:
        """Process one message. Returns whether it is done."""
        started = time.perf_counter()
        units.reset()
        message_id = None
        try:
            message_id = record.json_body["message_id"]
            if batch.delay is None:
                outcome, done = self._claim_and_call(message_id, lambda_context)
            else:
                outcome, done = self._postpone(message_id, batch.delay, claimed=False)
        except Postponed as postponed:
            batch.delay = postponed.delay
            outcome, done = self._postpone(
                MessageId(str(message_id)), postponed.delay, claimed=True
            )
        except Exception as error:  # noqa: BLE001 - only this message fails
            logger.exception("message failed", operation=self.operation, message_id=message_id)
            outcome, done = type(error).__name__, False
        milliseconds = (time.perf_counter() - started) * 1000
        logger.info(
            "message",
            operation=self.operation,
            message_id=message_id,
            outcome=outcome,
            attempt=record.raw_event.get("attributes", {}).get("ApproximateReceiveCount"),
            ms=round(milliseconds, 1),
            read_units=units.read,
            write_units=units.write,
        )
        if not done:
            record_server_error(self.operation)
        return done

    def _claim_and_call(self, message_id: MessageId, lambda_context: Any) -> tuple[str, bool]:
        outbox, now = services()[outbox_store], services()[clock].now()
        claimed = outbox.claim(self._queue, message_id, now, self._lease)
        if isinstance(claimed, NotClaimed):
            return claimed.value, claimed is not NotClaimed.LEASED
        timer = (lambda: lambda_context.get_remaining_time_in_millis() / 1000,)
        self._function(claimed, *resolve(self._needs), *(timer if self._timed else ()))
        outbox.settle(self._queue, message_id)
        return "worked", True

    def _postpone(
        self, message_id: MessageId, delay: timedelta, *, claimed: bool
    ) -> tuple[str, bool]:
        """Deliver a message again later as a new one, so that waiting does not count as a failure.

        The delay is random in its upper half, so that the messages do not return at the same time.
        """
        # A second longer than the message is postponed, because clocks differ.
        seconds = int(delay.total_seconds()) + 1
        spread = randbelow(max(seconds // 2, 1))
        wait = timedelta(seconds=min(seconds + spread, POSTPONED_MAX_SECONDS))
        until = services()[clock].now() + delay
        try:
            outbox = services()[outbox_store]
            if outbox.postpone(self._queue, message_id, until, claimed=claimed):
                accepted = not services()[queues].send(self._queue, [message_id], delay=wait)
                return "postponed", accepted
        except Exception:  # noqa: BLE001 - the queue delivers the message again
            logger.exception("not postponed", operation=self.operation, message_id=message_id)
            return "not postponed", False
        return NotClaimed.DONE.value, True


class _Batch:
    """The shared state of the messages of a batch.

    delay  of the rest of the batch, after one message was postponed
    """

    delay: timedelta | None = None


def worker(
    *, queue: Queue, lease: timedelta, needs: Needs, timed: bool = False
) -> Callable[[Callable[..., None]], Worker]:
    """Make a function the worker of a queue. It gets one claimed message at a time.

    Raise Postponed to postpone the message and the rest of the batch. Each is delivered again
    later as a new message, so that waiting uses up no delivery.

    After a return the message is removed from the outbox and the queue. After another exception it
    is delivered again, after the queue's visibility timeout.

    queue  the queue of the messages
    lease  how long the message is exclusive: at least the function's timeout, and less than
           the queue's visibility timeout
    needs  parts of `latchkey.wiring`: the function's arguments after the message
    timed  the function's last argument returns the remaining seconds of the invocation

    Race: deliveries at the same time, and later ones, call the function once. It is called again
    only if it raised, or if the process crashed between its effect and the removal of the message.
    An effect that must not happen twice needs a condition of its own.
    """

    def decorate(function: Callable[..., None]) -> Worker:
        return Worker(function, queue=queue, lease=lease, needs=needs, timed=timed)

    return decorate

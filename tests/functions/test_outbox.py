"""From the table's stream to a worker: delivered at least once, processed once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from latchkey.domain.effects import Effects, OutboxMessage, Queue
from latchkey.domain.ids import new_id
from latchkey.events.workers import worker
from latchkey.security.sealing import seal
from latchkey.storage.effects import EffectWriter
from latchkey.wiring import Part, part
from latchkey.wiring.mail import outbox_relay
from latchkey.wiring.storage import outbox_store
from tests.support.outbox import OutboxPump, sqs_record
from tests.support.service import InProcessService


@pytest.fixture
def service():
    return InProcessService()


def put(service, queue=Queue.MAIL):
    message = OutboxMessage(id=new_id("out", service.clock.now()), queue=queue)
    service.table.transact(EffectWriter(seal).writes(Effects(outbox=(message,))))
    return message.id


def relay(service):
    records = OutboxPump(service.table, service.queues, service._handler).stream_records()
    return service._handler("relay_outbox")({"Records": records}, None), records


class Work:
    """A worker's effect that fails a given number of times."""

    def __init__(self, failures: int = 0):
        self.failures = failures
        self.done: list[str] = []

    def handler(self):
        @worker(queue=Queue.MAIL, lease=timedelta(seconds=30), needs=Part(lambda _: self))
        def handler(message, work):
            if work.failures:
                work.failures -= 1
                raise OSError
            work.done.append(message.id)

        return handler


def test_new_messages_are_sent_to_the_queue_of_their_kind(service):
    sent = [put(service), put(service)]
    assert relay(service)[0] == {"batchItemFailures": []}
    assert sorted(service.queues.sent[Queue.MAIL]) == sorted(sent)


def test_message_refused_by_a_queue_is_retried_alone(service):
    put(service)
    held_up = put(service, Queue.PURGE)
    service.queues.refuses = {Queue.PURGE}
    answer, records = relay(service)
    (failure,) = answer["batchItemFailures"]
    (refused,) = (r for r in records if r["dynamodb"]["Keys"]["sk"]["S"].endswith(held_up))
    assert failure == {"itemIdentifier": refused["dynamodb"]["SequenceNumber"]}


def test_whole_batch_is_retried_if_nothing_can_be_sent(service):
    put(service)
    service.queues.refuses = {Queue.MAIL}
    with pytest.raises(RuntimeError):
        relay(service)


def test_message_for_a_queue_that_is_not_configured_does_not_block_others(service, monkeypatch):
    send = service.queues.send

    def without_exports(queue, message_ids, **options):
        if queue is Queue.EXPORT:
            raise KeyError(queue.value)
        return send(queue, message_ids, **options)

    monkeypatch.setattr(service.queues, "send", without_exports)
    put(service, Queue.EXPORT)
    sent = put(service)
    assert relay(service)[0] == {"batchItemFailures": []}
    assert service.queues.sent[Queue.MAIL] == [sent]


def test_sweep_sends_lost_messages(service):
    lost = put(service)
    service.clock.advance(hours=1)
    assert service.services[outbox_relay].relay_overdue(service.clock.now()) == 1
    assert service.queues.sent[Queue.MAIL] == [lost]


def test_sweep_counts_only_what_was_sent(service):
    put(service)
    put(service, Queue.PURGE)
    service.clock.advance(hours=1)
    service.queues.refuses = {Queue.PURGE}
    assert service.services[outbox_relay].relay_overdue(service.clock.now()) == 1


def test_repeated_delivery_is_processed_once(service):
    work, message_id = Work(), put(service)
    handler = work.handler()
    answer = handler({"Records": [sqs_record(message_id)] * 5}, None)
    assert answer == {"batchItemFailures": []}
    assert work.done == [message_id]


def test_failed_message_is_retried_alone(service):
    work = Work(failures=1)
    first, second = put(service), put(service)
    handler = work.handler()
    batch = {"Records": [sqs_record(first), sqs_record(second)]}
    assert handler(batch, None) == {"batchItemFailures": [{"itemIdentifier": first}]}
    assert work.done == [second]
    service.clock.advance(minutes=3)
    assert handler({"Records": [sqs_record(first)]}, None) == {"batchItemFailures": []}
    assert work.done == [second, first]


def test_message_leased_by_another_worker_is_retried(service):
    work, message_id = Work(), put(service)
    now = service.clock.now()
    service.services[outbox_store].claim(Queue.MAIL, message_id, now, timedelta(seconds=30))
    again = {"batchItemFailures": [{"itemIdentifier": message_id}]}
    assert work.handler()({"Records": [sqs_record(message_id)]}, None) == again
    service.clock.advance(seconds=30)
    assert work.handler()({"Records": [sqs_record(message_id)]}, None)["batchItemFailures"] == []
    assert work.done == [message_id]


def test_foreign_message_fails_alone(service):
    work = Work()
    answer = work.handler()({"Records": [{"messageId": "x", "body": "not JSON"}]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "x"}]}
    assert work.done == []


def test_worker_loads_its_parts_before_its_first_message_in_lambda(monkeypatch):
    loaded = []

    @part
    def needed(services):
        loaded.append(services)
        return "made"

    def make():
        return worker(queue=Queue.MAIL, lease=timedelta(seconds=1), needs=needed)(lambda *_: None)

    InProcessService()
    make()
    assert loaded == []
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "send_mail")
    make()
    assert len(loaded) == 1

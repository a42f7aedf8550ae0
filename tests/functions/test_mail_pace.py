"""Emails above the limits of SES wait, and waiting does not count as a failed delivery."""

from __future__ import annotations

import importlib
import json

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from latchkey.domain import mail
from latchkey.domain.effects import Effects, Queue
from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import (
    MAIL_QUOTA_DELAY_SECONDS,
    MAIL_RATE_DELAY_SECONDS,
    POSTPONED_MAX_SECONDS,
)
from latchkey.storage import mailer as mailers
from latchkey.storage.outbox import OutboxStore
from latchkey.wiring.mail import outbox_relay
from latchkey.wiring.storage import account_store, outbox_store
from tests.support.builders import a_context
from tests.support.outbox import sqs_record
from tests.support.service import InProcessService

RATE = ("TooManyRequestsException", "Maximum sending rate exceeded.")
QUOTA = ("TooManyRequestsException", "Daily message quota exceeded.")


class ScriptedSes:
    """SES with scripted responses: an error or an id. The last one is repeated."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.sent: list[str] = []

    def send_email(self, **request):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            code, message = answer
            raise ClientError({"Error": {"Code": code, "Message": message}}, "SendEmail")
        self.sent += request["Destination"]["ToAddresses"]


@pytest.fixture
def service():
    return InProcessService()


def scripted(service, monkeypatch, *answers):
    ses = ScriptedSes(*answers)
    monkeypatch.setattr(mailers, "aws_client", lambda *_: ses)
    sender = mailers.Mailer(sender="a@b.test", sender_name="Latchkey", configuration_set="")
    service.mailbox = sender
    service.configure()
    return ses


def ask_for(service, count):
    """Put receipts of erasure into the outbox: mails that need no account."""
    context = a_context(now=service.clock.now())
    messages = [
        mail.AccountErased(address=f"p{n}@example.com", language="en", receipt="r").message(context)
        for n in range(count)
    ]
    service.services[account_store].record(Effects(outbox=tuple(messages)))
    return [message.id for message in messages]


def deliver(service, message_ids):
    handler = importlib.import_module("functions.send_mail.app").handler
    answer = handler({"Records": [sqs_record(m) for m in message_ids]}, None)
    return [entry["itemIdentifier"] for entry in answer["batchItemFailures"]]


def waiting(service):
    return [item for item in service.table.all_items() if item["pk"].startswith("OUTBOX#")]


@pytest.mark.parametrize(
    ("refusal", "delay"),
    [
        (RATE, MAIL_RATE_DELAY_SECONDS),
        (("ThrottlingException", "Rate exceeded"), MAIL_RATE_DELAY_SECONDS),
        (("Throttling", "Maximum sending rate exceeded."), MAIL_RATE_DELAY_SECONDS),
        (QUOTA, MAIL_QUOTA_DELAY_SECONDS),
        (("Throttling", "Daily message quota exceeded."), MAIL_QUOTA_DELAY_SECONDS),
        (("LimitExceededException", "Too many"), MAIL_QUOTA_DELAY_SECONDS),
    ],
)
def test_rest_of_a_batch_is_returned_with_a_delay(service, monkeypatch, refusal, delay):
    ses = scripted(service, monkeypatch, None, refusal)
    ids = ask_for(service, 5)
    assert deliver(service, ids) == []
    assert len(ses.sent) == 1
    # One was sent, one refused; SES was not asked about the other three.
    assert service.queues.delayed[Queue.MAIL] == ids[1:]
    assert all(
        delay < wait.total_seconds() <= POSTPONED_MAX_SECONDS for wait in service.queues.delays
    )
    # None of it counts towards the attempts after which a mail is given up.
    assert all(i.get("attempts", 0) == i.get("postponements", 0) for i in waiting(service))


def test_delayed_email_is_sent_by_its_own_message(service, monkeypatch):
    ses = scripted(service, monkeypatch, RATE, None)
    (only,) = ask_for(service, 1)
    deliver(service, [only])
    service.clock.advance(seconds=MAIL_RATE_DELAY_SECONDS)
    assert deliver(service, service.queues.delayed[Queue.MAIL]) == []
    assert ses.sent == ["p0@example.com"]
    assert waiting(service) == []


def test_duplicate_message_of_a_delayed_email_is_dropped(service, monkeypatch):
    ses = scripted(service, monkeypatch, RATE)
    (only,) = ask_for(service, 1)
    deliver(service, [only])
    assert deliver(service, [only]) == []
    assert service.queues.delayed[Queue.MAIL] == [only]
    assert ses.sent == []


def test_day_without_quota_loses_and_repeats_no_email(service, monkeypatch):
    """24 hours of refusals, the sweep every five minutes, each message back after its delay."""
    ses = scripted(service, monkeypatch, QUOTA)
    ids = ask_for(service, 3)
    due = dict.fromkeys(ids, 0)
    deliveries = 0
    for minute in range(24 * 60):
        service.clock.advance(minutes=1)
        if minute % 5 == 0:
            assert service.services[outbox_relay].relay_overdue(service.clock.now()) <= len(ids)
            due |= dict.fromkeys(service.queues.sent.pop(Queue.MAIL, []), minute)
        batch = [m for m, at in due.items() if at <= minute]
        if not batch:
            continue
        deliveries += len(batch)
        assert deliver(service, batch) == [], "a delivery counted as failed"
        for message_id in batch:
            del due[message_id]
        back = service.queues.delayed.pop(Queue.MAIL, [])
        delays = [wait.total_seconds() // 60 + 1 for wait in service.queues.delays[-len(back) :]]
        due |= {m: minute + int(wait) for m, wait in zip(back, delays, strict=True)}
    assert deliveries <= 3 * 24 * 60 / (MAIL_QUOTA_DELAY_SECONDS / 60) + 3
    assert len(waiting(service)) == 3
    ses.answers = [None]
    service.clock.advance(minutes=16)
    assert deliver(service, ids) == []
    assert sorted(ses.sent) == ["p0@example.com", "p1@example.com", "p2@example.com"]


def test_sweep_finds_an_email_whose_delayed_message_was_lost(service, monkeypatch):
    scripted(service, monkeypatch, RATE)
    (only,) = ask_for(service, 1)
    deliver(service, [only])
    relay = service.services[outbox_relay]
    assert relay.relay_overdue(service.clock.now()) == 0
    service.clock.advance(minutes=31)
    assert relay.relay_overdue(service.clock.now()) == 1


def test_message_that_cannot_be_delayed_is_redelivered(service, monkeypatch):
    scripted(service, monkeypatch, RATE)
    (only,) = ask_for(service, 1)
    service.queues.refuses = {Queue.MAIL}
    assert deliver(service, [only]) == [only]


def test_email_that_was_sent_meanwhile_is_not_postponed(service, monkeypatch):
    """Another delivery has sent it, and its row is gone."""
    scripted(service, monkeypatch, RATE)
    (only,) = ask_for(service, 1)
    outbox = service.services[outbox_store]
    postpone = type(outbox).postpone

    def after_another_delivery(self, queue, message_id, *arguments, **options):
        self.settle(queue, message_id)
        return postpone(self, queue, message_id, *arguments, **options)

    monkeypatch.setattr(type(outbox), "postpone", after_another_delivery)
    assert deliver(service, [only]) == []
    assert service.queues.delayed[Queue.MAIL] == []


def test_email_that_can_not_be_postponed_is_delivered_again(service, monkeypatch):
    scripted(service, monkeypatch, RATE)
    (only,) = ask_for(service, 1)

    def unavailable(*_arguments, **_options):
        raise TemporarilyUnavailable(retry_after_seconds=1)

    monkeypatch.setattr(OutboxStore, "postpone", unavailable)
    assert deliver(service, [only]) == [only]


@pytest.mark.parametrize(
    "failure",
    [
        ("MessageRejected", "Email address is not verified."),
        ("SendingPausedException", "Sending is paused."),
        ReadTimeoutError(endpoint_url="https://email.test"),
    ],
)
def test_other_failure_counts_as_a_delivery(service, monkeypatch, failure):
    ses = scripted(service, monkeypatch, failure, None)
    first, second = ask_for(service, 2)
    assert deliver(service, [first, second]) == [first]
    assert ses.sent == ["p1@example.com"]
    assert service.queues.delayed[Queue.MAIL] == []


@pytest.mark.parametrize(
    ("refusal", "counted"),
    [(RATE, {"MailsPostponed": 1}), (QUOTA, {"MailsPostponed": 1, "MailQuotaExceeded": 1})],
)
def test_a_refusal_is_counted(service, monkeypatch, capsys, refusal, counted):
    scripted(service, monkeypatch, refusal)
    ids = ask_for(service, 3)
    capsys.readouterr()
    deliver(service, ids)
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    found = {
        name: sum(sum(metric[name]) for metric in metrics if name in metric)
        for name in ("MailsPostponed", "MailQuotaExceeded")
    }
    assert {name: count for name, count in found.items() if count} == counted

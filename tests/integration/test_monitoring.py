"""Alarms, heartbeats and bounces on the deployed stack."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from tests.support.api import a_fresh_address
from tests.support.queue_worker import until

if TYPE_CHECKING:
    from tests.support.api import Api
    from tools.local.stack import LocalStack

FORGOT = "/api/v1/auth/password/forgot"


def test_every_alarm_of_the_stack_reports_to_its_topic(stack: LocalStack) -> None:
    topic = stack.deployment.outputs["AlarmTopicArn"]
    pages = stack.client("cloudwatch").get_paginator("describe_alarms").paginate()
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
    assert len(alarms) > 30
    assert {tuple(alarm["AlarmActions"]) for alarm in alarms} == {(topic,)}
    assert {tuple(alarm["OKActions"]) for alarm in alarms} == {(topic,)}


def test_heartbeat_of_cleanup_reaches_the_relay(stack: LocalStack) -> None:
    relayed = '"operation":"relay_outbox"'
    before = len(stack.logs(relayed))
    assert stack.invoke("cleanup", {"task": "send_heartbeats"})["send_heartbeats"] in {2, 3}
    until(lambda: len(stack.logs(relayed)) > before)
    assert stack.logs('"message":"no such queue"') == []


def test_bounced_address_gets_no_more_emails(api: Api, stack: LocalStack) -> None:
    """SES tells of it; the emulator's does not, so the queue is sent what EventBridge would."""
    email, other = a_fresh_address(), a_fresh_address()
    token = api.register(email).json()["data"]["access_token"]
    api.register(other)
    until(lambda: mails(stack, email, "verify-email"))
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    bounce = {
        "bounceType": "Permanent",
        "bouncedRecipients": [{"emailAddress": email}],
        "timestamp": at,
    }
    event = {"source": "aws.ses", "detail": {"eventType": "Bounce", "bounce": bounce}}
    send(stack, "not an event", json.dumps(event))
    until(
        lambda: (
            "account.mail.bounced" in api.call("GET", "/api/v1/users/me/activity", token=token).text
        )
    )
    for address in (email, other):
        assert api.call("POST", FORGOT, json={"email": address}).status_code == 202
    until(lambda: mails(stack, other, "reset-password"))
    until(lambda: stack.logs("mail suppressed"))
    assert len(mails(stack, email)) == 1
    assert stack.invoke("record_mail_events", {"allow": email}) == {"changed": True}
    assert api.call("POST", FORGOT, json={"email": email}).status_code == 202
    until(lambda: mails(stack, email, "reset-password"))


def mails(stack: LocalStack, address: str, about: str = "") -> list[dict[str, Any]]:
    """Every mail that an address got whose link leads to this page."""
    return [
        mail
        for mail in stack.mails()
        if mail["To"] == [address] and f"/{about}" in mail["BodyText"]
    ]


def send(stack: LocalStack, *bodies: str) -> Any:
    sqs = stack.client("sqs")
    name = stack.deployment.physical_ids["MailEvents"].rpartition("/")[2]
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    for body in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=body)

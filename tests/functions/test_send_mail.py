"""The mail worker sends one email per message, for all failures of SQS and SES."""

from __future__ import annotations

import json

import pytest

from latchkey.domain import mail
from latchkey.domain.effects import Effects
from latchkey.domain.ids import new_id
from latchkey.mail import rendering
from latchkey.storage import mailer
from latchkey.wiring.mail import outbox_relay
from latchkey.wiring.storage import account_store
from tests.support.builders import a_context
from tests.support.service import InProcessService
from tools.template import load

ADA = "ada@example.com"
LINKED = {
    "verify_email",
    "confirm_new_email",
    "reset_password",
    "new_device",
    "session_used_elsewhere",
    "account_deleted",
}
VALUES = {
    "service": "Latchkey",
    "support": "",
    "link": "https://accounts.test/page#token=tok.code",
    "hours": 24,
    "minutes": 60,
    "days": 7,
    "new_address": "a•••@example.com",
    "device": "Chrome on <Windows>",
    "place": "Berlin, DE",
    "ip_address": "203.0.113.7",
    "time": "2 January 2026",
    "purge_date": "1 February 2026",
    "receipt": "receipt-1",
    "last": True,
    "code": "K7QMX-3TW9B",
}


@pytest.fixture
def service():
    return InProcessService()


def ask_for(service, *mails):
    context = a_context(now=service.clock.now())
    service.services[account_store].record(Effects(outbox=tuple(m.message(context) for m in mails)))


def messages(service):
    return [item for item in service.table.all_items() if item["pk"].startswith("OUTBOX#")]


def test_repeated_message_sends_one_email(service):
    service.register()
    assert service.work(copies=5) == []
    assert len(service.mailbox.to(ADA)) == 1


def test_a_mail_that_was_sent_leaves_nothing_behind(service):
    service.register()
    service.work()
    assert messages(service) == []


def test_outage_of_ses_loses_no_email(service):
    service.mailbox.down = True
    assert service.register().status == 201
    assert len(service.work()) == 1
    assert len(messages(service)) == 1
    service.mailbox.down = False
    service.clock.advance(hours=1)
    service.services[outbox_relay].relay_overdue(service.clock.now())
    service.work()
    assert len(service.mailbox.to(ADA)) == 1


def test_email_to_an_erased_account_is_dropped(service):
    ask_for(service, mail.ExportReady(account_id=new_id("usr", service.clock.now()), export_id="x"))
    assert service.work() == []
    assert service.mailbox.sent == []
    assert messages(service) == []


@pytest.mark.parametrize(
    ("speaks", "subject"),
    [
        ("de-AT", "Bestätigen Sie Ihre E-Mail-Adresse"),
        ("en-GB", "Confirm your email address"),
        ("pt-BR", "Confirm your email address"),
        (None, "Confirm your email address"),
    ],
)
def test_a_mail_is_in_the_language_that_the_person_speaks(service, speaks, subject):
    service.register(speaking_language=speaks)
    service.work()
    assert service.mailbox.last(ADA).letter.subject == subject


def test_link_has_the_configured_origin_and_the_token_in_the_fragment(service):
    headers = {"host": "evil.example", "x-forwarded-host": "evil.example"}
    body = {"email": ADA}
    service.register()
    service.request("POST", "/api/v1/auth/password/forgot", json_body=body, headers=headers)
    service.work()
    text = service.mailbox.last(ADA).letter.text
    assert "https://accounts.test/reset-password#token=tok_" in text
    assert "evil" not in text


def test_new_device_email_describes_the_device_and_has_a_report_link(service):
    registered = service.register(device_name="Ada's phone http://evil.example").data
    account, session = registered["user"]["id"], registered["session"]["id"]
    ask_for(service, mail.NewDevice(account_id=account, session_id=session))
    service.work()
    (notice,) = [m for m in service.mailbox.to(ADA) if "not-me" in m.letter.text]
    assert "Device: Ada's phone http evil example" in notice.letter.text
    assert "IP address: 203.0.113.7" in notice.letter.text


def test_receipt_is_sent_after_the_erasure(service):
    ask_for(service, mail.AccountErased(address=ADA, language="de", receipt="eyJ.receipt"))
    service.work()
    assert "eyJ.receipt" in service.mailbox.last(ADA).letter.text


@pytest.mark.parametrize("language", rendering.LANGUAGES)
@pytest.mark.parametrize("kind", mail.MailKind)
def test_every_mail_can_be_written_in_every_language(kind, language):
    letter = rendering.write(kind, language, VALUES)
    assert letter.subject
    assert "\n" not in letter.subject
    assert letter.subject in letter.html
    assert "<Windows>" not in letter.html
    assert len(letter.html) < 10_000
    assert not {"{{", "{%", "None", "Markup"} & set(letter.text.split())
    assert all(len(line) <= 78 or "://" in line for line in letter.text.splitlines())
    if kind.value in LINKED:
        assert VALUES["link"] in letter.text
        assert f'href="{VALUES["link"]}"' in letter.html


def test_a_batch_fits_into_the_function_when_ses_is_slow():
    function = load()["Resources"]["SendMailFunction"]["Properties"]
    (source,) = [e["Properties"] for e in function["Events"].values() if e["Type"] == "SQS"]
    slowest = mailer._CONFIG.connect_timeout + mailer._CONFIG.read_timeout
    assert source["BatchSize"] * (slowest + 1) <= function["Timeout"]
    on_aws = {"MaximumConcurrency": {"Ref": "MailConcurrency"}}
    assert source["ScalingConfig"] == {"Fn::If": ["IsOnAws", on_aws, {"Ref": "AWS::NoValue"}]}


def test_lease_is_longer_than_the_function_and_shorter_than_the_queue_timeout():
    resources = load()["Resources"]
    timeout = resources["SendMailFunction"]["Properties"]["Timeout"]
    queue = resources["MailQueue"]["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * timeout
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    assert timeout <= 60 < queue["VisibilityTimeout"]
    assert json.dumps(queue["RedrivePolicy"]["deadLetterTargetArn"])

"""Emails in the outbox."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from latchkey.domain import mail
from latchkey.domain.ids import AccountId, SessionId
from latchkey.domain.request import RequestContext

CONTEXT = RequestContext(
    request_id="request", now=datetime(2026, 1, 2, tzinfo=UTC), ip_address="192.0.2.1"
)
MAILS = (
    mail.VerifyEmail(address="ada@example.com"),
    mail.PasswordChanged(account_id=AccountId("usr_1")),
    mail.NewDevice(account_id=AccountId("usr_1"), session_id=SessionId("ses_1")),
    mail.SessionUsedElsewhere(account_id=AccountId("usr_1"), session_id=SessionId("ses_1")),
    mail.AccountDeleted(account_id=AccountId("usr_1"), restorable=True),
    mail.AccountErased(address="ada@example.com", language=None, receipt="sealed"),
)


@pytest.mark.parametrize("sent", MAILS)
def test_email_survives_the_outbox_unchanged(sent):
    assert mail.mail_of(sent.message(CONTEXT)) == sent


def test_every_kind_of_mail_can_be_asked_for():
    assert set(mail.KINDS.values()) == set(mail.MailKind)

"""Emails in the outbox."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from latchkey.domain import mail
from latchkey.domain.ids import AccountId, SessionId
from latchkey.domain.request import RequestContext
from latchkey.mail import rendering

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


@pytest.mark.parametrize(
    ("value", "language", "formatted"),
    [
        (date(2026, 3, 1), "de", "1. März 2026"),
        (date(2026, 3, 1), "en", "1 March 2026"),
        (datetime(2026, 3, 1, 4, 5, tzinfo=UTC), "de", "1. März 2026, 04:05 UTC"),
        (datetime(2026, 3, 1, 4, 5, tzinfo=UTC), "en", "1 March 2026, 04:05 UTC"),
        ("Berlin", "de", "Berlin"),
        (7, "en", 7),
    ],
)
def test_times_and_days_are_written_in_the_language_of_the_email(value, language, formatted):
    assert rendering.format_value(value, language) == formatted

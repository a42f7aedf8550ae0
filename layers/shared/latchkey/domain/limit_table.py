"""Which limits apply to what: one table, for the code that enforces them and for its readers.

The numbers and their reasons are in `domain.limits`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.limits import NEW_DEVICE_MAIL, NOTICE_MAIL, REQUESTED_MAIL
from latchkey.domain.mail import MailKind

if TYPE_CHECKING:
    from latchkey.domain.throttle import Allowance

MAILS: dict[MailKind, Allowance] = {
    MailKind.VERIFY_EMAIL: REQUESTED_MAIL,
    MailKind.ADDRESS_TAKEN: REQUESTED_MAIL,
    MailKind.CONFIRM_NEW_EMAIL: REQUESTED_MAIL,
    MailKind.RESET_PASSWORD: REQUESTED_MAIL,
    MailKind.NEW_DEVICE: NEW_DEVICE_MAIL,
    MailKind.SESSION_USED_ELSEWHERE: NEW_DEVICE_MAIL,
    MailKind.EMAIL_CHANGED: NOTICE_MAIL,
    MailKind.PASSWORD_CHANGED: NOTICE_MAIL,
    MailKind.REFRESH_TOKEN_REUSED: NOTICE_MAIL,
    MailKind.EXPORT_READY: NOTICE_MAIL,
    MailKind.ACCOUNT_DELETED: NOTICE_MAIL,
    MailKind.ACCOUNT_ERASED: NOTICE_MAIL,
}
"""How many mails of each kind one mailbox gets. The worker that sends mails counts them, so that no
mail is outside the table, whichever operation caused it."""

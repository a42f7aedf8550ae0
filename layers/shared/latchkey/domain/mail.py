"""The mails that the service sends: what each is about. What it says is in the templates.

A flow adds `NewDevice(...).message(context)` to the outbox of its effects, and that is all. What
the mail names is looked up when it is written, a moment later: the stored address, the person's
language, the device; and the links' tokens are issued then. So the outbox hardly knows anything
personal, and a change pays for its mail with one small item.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from latchkey.domain.effects import OutboxMessage, Postponed, Queue

if TYPE_CHECKING:
    from datetime import timedelta

    from latchkey.domain.request import RequestContext


class MailKind(StrEnum):
    """Which mail. Values are stored, and they name the templates: add, never rename."""

    VERIFY_EMAIL = "verify_email"
    ADDRESS_TAKEN = "address_taken"
    CONFIRM_NEW_EMAIL = "confirm_new_email"
    EMAIL_CHANGED = "email_changed"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a mail, not a secret
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - as above
    LOGIN_CODE = "login_code"
    NEW_DEVICE = "new_device"
    SESSION_USED_ELSEWHERE = "session_used_elsewhere"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105 - as above
    EXPORT_READY = "export_ready"
    ACCOUNT_DELETED = "account_deleted"
    ACCOUNT_ERASED = "account_erased"


class MailPostponed(Postponed):
    """The mail service takes no more for now.

    quota  whether the mails of a day are used up; else there were too many at once
    """

    def __init__(self, delay: timedelta, *, quota: bool) -> None:
        """Carry the delay, and why."""
        super().__init__(delay)
        self.quota = quota


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail once it is written."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail that is to be written. Its fields are all that the outbox keeps of it."""

    def message(self, context: RequestContext) -> OutboxMessage:
        """Make the message of the outbox that asks for this mail."""
        body = {"kind": KINDS[type(self)].value, **asdict(self)}
        return OutboxMessage(id=context.new_id("out"), queue=Queue.MAIL, body=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountMail(Mail):
    """A mail to the owner of an account that is there."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyEmail(Mail):
    """To whoever registered an address, with the link that confirms it.

    address  the new account's, or as it was typed into "resend": a mail goes out if an account
             that has not been verified has it, and to the address that is stored there. Whether
             there is one is found out by the worker, so that no answer can tell.
    """

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressTaken(AccountMail):
    """To the owner of an address that somebody wanted to register once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmNewEmail(AccountMail):
    """To the address that an account is to change to, with the link that does it."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChanged(AccountMail):
    """To the address that an account has just left, with the link that undoes it.

    A second change within the time that the first can be undone in can't be undone itself: who
    stole the account and sits at the second address must not win.
    """

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPassword(Mail):
    """To whoever has forgotten their password; the address as it was typed, as in VerifyEmail.

    owed  the account's password has just been made void at its owner's word, so the mail does not
          count against what strangers may ask for
    """

    address: str
    owed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged(AccountMail):
    """That the password is a new one.

    session_id  the device that it was changed on; None if it was reset by mail
    """

    session_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginCode(AccountMail):
    """To whoever wants to sign in although strangers have guessed too often, with a code.

    account_id  that of nobody's account, where there is none: the worker finds out, so that the
                requests that are made do not tell
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDevice(AccountMail):
    """That somebody signed in on a device that was not known: what, where and when.

    Its link carries a token of Purpose.NOT_ME whose subject is the session.
    """

    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUsedElsewhere(AccountMail):
    """That a session is used on another network with another client than before.

    Its link is that of NewDevice.
    """

    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshTokenReused(AccountMail):
    """That a session was ended because a copy of its refresh token was used."""

    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReady(AccountMail):
    """That the person's data can be fetched."""

    export_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDeleted(AccountMail):
    """That the account was deleted, and when it will be erased.

    restorable  whether the mail has the link to restore it: a token of Purpose.RESTORE_ACCOUNT
    """

    restorable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountErased(Mail):
    """That nothing of the account is left; its receipt. There is nothing to look up any more."""

    address: str
    language: str | None
    receipt: str


KINDS: dict[type[Mail], MailKind] = {
    VerifyEmail: MailKind.VERIFY_EMAIL,
    AddressTaken: MailKind.ADDRESS_TAKEN,
    ConfirmNewEmail: MailKind.CONFIRM_NEW_EMAIL,
    EmailChanged: MailKind.EMAIL_CHANGED,
    ResetPassword: MailKind.RESET_PASSWORD,
    PasswordChanged: MailKind.PASSWORD_CHANGED,
    LoginCode: MailKind.LOGIN_CODE,
    NewDevice: MailKind.NEW_DEVICE,
    SessionUsedElsewhere: MailKind.SESSION_USED_ELSEWHERE,
    RefreshTokenReused: MailKind.REFRESH_TOKEN_REUSED,
    ExportReady: MailKind.EXPORT_READY,
    AccountDeleted: MailKind.ACCOUNT_DELETED,
    AccountErased: MailKind.ACCOUNT_ERASED,
}

_VARIANTS: dict[MailKind, type[Any]] = {kind: variant for variant, kind in KINDS.items()}


def mail_of(message: OutboxMessage) -> Mail:
    """Read a mail back from its message."""
    fields = dict(message.body)
    mail: Mail = _VARIANTS[MailKind(str(fields.pop("kind")))](**fields)
    return mail

"""The kinds of emails, with their data. The texts are in the templates.

A flow adds `NewDevice(...).message(context)` to its effects. The worker looks up the rest when it
renders the email: the stored address, the person's language, the device. It also issues the tokens
of links. So the outbox has almost no personal data, and an email costs a change one small item.
"""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from latchkey.domain.effects import OutboxMessage, Postponed, Queue
from latchkey.domain.ids import MessageId
from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from datetime import timedelta

    from latchkey.domain.ids import AccountId, DeviceId, ExportId, SessionId
    from latchkey.domain.request import RequestContext


class MailKind(StrEnum):
    """The kind of an email. Values are stored and name the templates: add, never rename."""

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
    """The mail service accepts no more emails for now.

    quota  True if the daily quota is used up, False if the rate was too high
    """

    def __init__(self, delay: timedelta, *, quota: bool) -> None:
        """Store the delay and its cause."""
        super().__init__(delay)
        self.quota = quota


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A rendered email."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """An email to render. The outbox stores exactly its fields."""

    def message(self, context: RequestContext) -> OutboxMessage:
        """Return the outbox message of this email."""
        body = {"kind": KINDS[type(self)].value, **asdict(self)}
        return OutboxMessage(id=MessageId(context.new_id("out")), queue=Queue.MAIL, body=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountMail(Mail):
    """An email to the owner of an existing account."""

    account_id: AccountId


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyEmail(Mail):
    """The link that confirms the address of a new account.

    address    of the new account, or as typed into "resend". The worker looks for an unverified
               account with this address and sends to its stored address. The endpoint does not
               look, so that its response can't reveal an account.
    device_id  of the device that asks, if it has one
    """

    address: str
    device_id: DeviceId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressTaken(AccountMail):
    """To the owner of an address that was used for another registration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmNewEmail(AccountMail):
    """The link that changes the address of an account, to the new address.

    device_id  of the device that asks, if it has one
    """

    address: str
    device_id: DeviceId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChanged(AccountMail):
    """The link that undoes a change of address, to the old address.

    A second change during the time for an undo has no link itself: otherwise a thief with the
    second address could undo the undo.
    """

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPassword(Mail):
    """The link to choose a new password, to the address as it was typed (see VerifyEmail).

    owed  True if the owner has just voided the password. Such an email does not count against the
          limit of requests by others
    """

    address: str
    owed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged(AccountMail):
    """The password was changed.

    session_id  of the device that changed it; None after a reset by email
    """

    session_id: SessionId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginCode(AccountMail):
    """A code for the owner to sign in after too many wrong passwords of others.

    account_id  a made-up one if there is no account. The worker finds out, so that the storage
                requests of the endpoint do not reveal an account
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDevice(AccountMail):
    """A sign-in on an unknown device.

    Its link has a token of Purpose.NOT_ME whose subject is the session.
    """

    session_id: SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUsedElsewhere(AccountMail):
    """A session is used on another network and with another client than before.

    Its link is like that of NewDevice.
    """

    session_id: SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshTokenReused(AccountMail):
    """A session was ended because a copy of its refresh token was used."""

    session_id: SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReady(AccountMail):
    """An export is ready."""

    export_id: ExportId


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDeleted(AccountMail):
    """The account was deleted, and when it will be erased.

    restorable  whether the email has a link to restore it: a token of Purpose.RESTORE_ACCOUNT
    """

    restorable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountErased(Mail):
    """The account was erased. Contains the receipt; nothing is left to look up."""

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
    """Parse an email from its outbox message."""
    fields = dict(message.body)
    mail: Mail = _VARIANTS[MailKind(str(fields.pop("kind")))](**fields)
    return mail

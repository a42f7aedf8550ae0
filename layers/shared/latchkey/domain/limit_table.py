"""The limits of every operation that verifies a secret or causes an email.

`docs/limits.md` is generated from it. `tests/contract/test_limits.py` finds the operations in the
code and exceeds each of their limits. The numbers and their reasons are in `domain.limits`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from latchkey.domain import limits
from latchkey.domain.limits import LOGIN_CODE_MAIL, NEW_DEVICE_MAIL, NOTICE_MAIL, REQUESTED_MAIL
from latchkey.domain.mail import MailKind
from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from latchkey.domain.throttle import Allowance, Backoff, Quota

MAILS: dict[MailKind, Allowance] = {
    MailKind.VERIFY_EMAIL: REQUESTED_MAIL,
    MailKind.ADDRESS_TAKEN: REQUESTED_MAIL,
    MailKind.CONFIRM_NEW_EMAIL: REQUESTED_MAIL,
    MailKind.RESET_PASSWORD: REQUESTED_MAIL,
    MailKind.LOGIN_CODE: LOGIN_CODE_MAIL,
    MailKind.NEW_DEVICE: NEW_DEVICE_MAIL,
    MailKind.SESSION_USED_ELSEWHERE: NEW_DEVICE_MAIL,
    MailKind.EMAIL_CHANGED: NOTICE_MAIL,
    MailKind.PASSWORD_CHANGED: NOTICE_MAIL,
    MailKind.REFRESH_TOKEN_REUSED: NOTICE_MAIL,
    MailKind.EXPORT_READY: NOTICE_MAIL,
    MailKind.ACCOUNT_DELETED: NOTICE_MAIL,
    MailKind.ACCOUNT_ERASED: NOTICE_MAIL,
}
"""Emails of each kind per mailbox. The worker that sends emails counts them, so the limit applies
to every operation.
"""


class Secret(StrEnum):
    """The kind of secret that a client sends."""

    PASSWORD = "password"  # noqa: S105 - a kind
    LINK = "link"
    CODE = "code"
    REFRESH_TOKEN = "refresh token"  # noqa: S105 - a kind


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit, and the subject that it counts.

    is_reported  whether a client over the limit gets 429; else the response to a wrong secret
    """

    rule: Quota | Backoff
    per: str
    is_reported: bool = True


NETWORK, ACCOUNT = "network", "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An operation that verifies secrets or causes emails. MAILS has the limits of emails."""

    secrets: frozenset[Secret] = frozenset()
    mails: frozenset[MailKind] = frozenset()
    limits: tuple[Limit, ...] = ()


_REDEEMS = Limit(limits.REDEEM_PER_ADDRESS, NETWORK)
_MAILS = Limit(limits.MAIL_PER_ADDRESS, NETWORK)
_OWN_PASSWORD = Limit(limits.PASSWORD_PER_SESSION_HOLDER, ACCOUNT)


def _row(*limits: Limit, secrets: tuple[Secret, ...] = (), mails: tuple[MailKind, ...] = ()) -> Row:
    return Row(secrets=frozenset(secrets), mails=frozenset(mails), limits=limits)


OPERATIONS: dict[str, Row] = {
    "register": _row(
        Limit(limits.REGISTER_PER_ADDRESS, NETWORK),
        _OWN_PASSWORD,
        secrets=(Secret.PASSWORD,),
        mails=(MailKind.VERIFY_EMAIL, MailKind.ADDRESS_TAKEN, MailKind.NEW_DEVICE),
    ),
    "login": _row(
        Limit(limits.LOGIN_PER_ADDRESS, NETWORK),
        Limit(limits.LOGIN_PER_IDENTIFIER_AND_ADDRESS, "identifier and network"),
        Limit(limits.LOGIN_PER_IDENTIFIER, "identifier"),
        Limit(limits.LOGIN_PER_ACCOUNT, ACCOUNT, is_reported=False),
        Limit(limits.LOGIN_PER_KNOWN_DEVICE, "account and device"),
        Limit(limits.LOGIN_PER_CODE_HOLDER, "account, with a correct code"),
        secrets=(Secret.PASSWORD, Secret.CODE),
        mails=(MailKind.NEW_DEVICE,),
    ),
    "request_login_code": _row(_MAILS, mails=(MailKind.LOGIN_CODE,)),
    "refresh": _row(
        Limit(limits.REFRESH_PER_ADDRESS, NETWORK),
        secrets=(Secret.REFRESH_TOKEN,),
        mails=(MailKind.REFRESH_TOKEN_REUSED, MailKind.SESSION_USED_ELSEWHERE),
    ),
    "reauthenticate": _row(_OWN_PASSWORD, secrets=(Secret.PASSWORD,)),
    "change_password": _row(
        _OWN_PASSWORD, secrets=(Secret.PASSWORD,), mails=(MailKind.PASSWORD_CHANGED,)
    ),
    "change_email": _row(
        _MAILS,
        Limit(limits.EMAIL_CHANGE_PER_ACCOUNT, ACCOUNT),
        Limit(limits.EMAIL_CHANGE_PER_UNVERIFIED_ACCOUNT, "account without a confirmed address"),
        mails=(MailKind.CONFIRM_NEW_EMAIL,),
    ),
    "verify_email": _row(
        _REDEEMS,
        _OWN_PASSWORD,
        secrets=(Secret.LINK, Secret.PASSWORD),
        mails=(MailKind.EMAIL_CHANGED,),
    ),
    "resend_verification": _row(_MAILS, mails=(MailKind.VERIFY_EMAIL,)),
    "forgot_password": _row(_MAILS, mails=(MailKind.RESET_PASSWORD,)),
    "reset_password": _row(_REDEEMS, secrets=(Secret.LINK,), mails=(MailKind.PASSWORD_CHANGED,)),
    "undo_email_change": _row(_REDEEMS, secrets=(Secret.LINK,), mails=(MailKind.RESET_PASSWORD,)),
    "get_reported_session": _row(_REDEEMS, secrets=(Secret.LINK,)),
    "disown_session": _row(_REDEEMS, secrets=(Secret.LINK,), mails=(MailKind.RESET_PASSWORD,)),
    "restore_account": _row(_REDEEMS, secrets=(Secret.LINK,)),
    "request_export": _row(
        Limit(limits.EXPORTS_PER_ACCOUNT, ACCOUNT), mails=(MailKind.EXPORT_READY,)
    ),
    "delete_me": _row(mails=(MailKind.ACCOUNT_DELETED, MailKind.ACCOUNT_ERASED)),
    "delete_user": _row(mails=(MailKind.ACCOUNT_DELETED, MailKind.ACCOUNT_ERASED)),
}
"""By the folder of the function."""

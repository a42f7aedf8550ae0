"""Renders and sends the emails of other flows.

Links have their token in the fragment, which browsers do not send: it is in no log and in no
Referer.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from latchkey.domain import mail as mails
from latchkey.domain.account import AccountStatus, email_key
from latchkey.domain.erasure import deletion_of
from latchkey.domain.errors import AccountNotFound, InvalidInput
from latchkey.domain.ids import TokenId, minted_at, new_id
from latchkey.domain.limit_table import MAILS
from latchkey.domain.limits import (
    LOGIN_CODE_MINUTES,
    OBJECTION_DAYS,
    RESET_PASSWORD_MINUTES,
    VERIFY_EMAIL_HOURS,
)
from latchkey.domain.mailed_code import CodePurpose, MailedCode
from latchkey.domain.single_use import Purpose, SingleUseToken
from latchkey.domain.values import dataclass
from latchkey.mail import rendering
from latchkey.observability import logger, record_postponed_mail
from latchkey.security import mailed_codes, single_use_tokens
from latchkey.security.addresses import normalise_email

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from latchkey.domain.account import Account
    from latchkey.domain.effects import OutboxMessage
    from latchkey.domain.ids import AccountId, DeviceId, SessionId
    from latchkey.domain.mail import Letter
    from latchkey.domain.request import Location
    from latchkey.flows.throttling import Throttling
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.mail_suppressions import MailSuppressionStore
    from latchkey.storage.mailed_codes import MailedCodeStore
    from latchkey.storage.peppers import PepperStore
    from latchkey.storage.sessions import SessionStore
    from latchkey.storage.single_use_tokens import SingleUseTokenStore

PAGES = {
    Purpose.VERIFY_EMAIL: "verify-email",
    Purpose.CHANGE_EMAIL: "verify-email",
    Purpose.UNDO_EMAIL_CHANGE: "undo-email-change",
    Purpose.RESET_PASSWORD: "reset-password",
    Purpose.NOT_ME: "not-me",
    Purpose.RESTORE_ACCOUNT: "restore-account",
}
"""The path of a link below the link base. The page reads the token from its own address."""

FORGOT_PASSWORD_PAGE = "forgot-password"  # noqa: S105 - a page
EXPORTS_PAGE = "exports"
PAGES_OF_NOTICES: dict[type[mails.AccountMail], str] = {
    mails.AddressTaken: FORGOT_PASSWORD_PAGE,
    mails.ExportReady: EXPORTS_PAGE,
}
"""The path of links without a token."""


class MailSender(Protocol):
    """Sends emails."""

    def send(self, to: str, letter: Letter) -> None:
        """Send an email. Raises MailPostponed above a limit."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLink:
    """A link in an email. Its token is issued only if the email is sent."""

    page: str
    token: SingleUseToken


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCode:
    """A code in an email. It is issued only if the email is sent."""

    purpose: CodePurpose
    account: Account
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An email before rendering: the recipient and the data of its template.

    account_id  of the recipient; None for an erased account
    """

    to: str
    language: str | None
    values: Mapping[str, object]
    account_id: AccountId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """The flow and its parts.

    link_base     the start of links: from the configuration, never from a request's Host
    service_name  the name of the service in emails
    support_contact  an address or page for support; empty: none
    """

    accounts: AccountStore
    sessions: SessionStore
    tokens: SingleUseTokenStore
    suppressions: MailSuppressionStore
    codes: MailedCodeStore
    throttling: Throttling
    sender: MailSender
    peppers: PepperStore
    link_base: str
    service_name: str
    support_contact: str

    def send(self, message: OutboxMessage, now: datetime) -> None:
        """Render and send the email of a claimed message.

        Nothing is sent for an unknown address, or for an account that was verified, erased or
        suspended in the meantime. Nothing is sent above the limits of the mailbox
        (`domain.limit_table.MAILS`), or after a bounce or complaint (`flows.mail_health`).

        Race: the message is removed after the return. If the process crashes before that, or the
        response of SES is lost, the email is sent again after the lease: SES has no idempotency
        key, and a repeated security notice is better than a missing one. Each has its own link, and
        one of the two works.
        """
        mail = mails.mail_of(message)
        kind = mails.KINDS[type(mail)]
        try:
            draft = self._draft(mail, minted_at(message.id), now)
        except AccountNotFound:
            draft = None
        if draft is None or not draft.to:
            # An account of another issuer has no address here.
            logger.info("no mail", kind=kind.value, message_id=message.id)
            return
        if draft.account_id and self.suppressions.find(draft.account_id, draft.to):
            logger.info("mail suppressed", kind=kind.value, message_id=message.id)
            return
        remaining = self._count(message, mail, draft, now)
        if remaining is None:
            logger.warning("too many emails", kind=kind.value, message_id=message.id)
            return
        language = rendering.language_for(draft.language)
        try:
            values = {
                name: self._render_value(v, language, now) for name, v in draft.values.items()
            }
        except AccountNotFound:
            # The erasure began after the draft. No link remains, and no email is sent.
            logger.info("no mail", kind=kind.value, message_id=message.id)
            return
        values["last"] = remaining == 0
        ours = {"service": self.service_name, "support": self.support_contact}
        letter = rendering.write(kind, language, {**ours, **values})
        try:
            self.sender.send(draft.to, letter)
        except mails.MailPostponed as postponed:
            record_postponed_mail(quota=postponed.quota)
            raise
        logger.info("mail sent", kind=kind.value, message_id=message.id)

    def _count(
        self, message: OutboxMessage, mail: mails.Mail, draft: Draft, now: datetime
    ) -> int | None:
        """Count an email to its mailbox. Returns how many may follow, or None to drop it."""
        if message.attempt > 1:
            # Counted by the first attempt only. Retries during an outage must not use up the limit.
            return 1
        kind = mails.KINDS[type(mail)]
        name = f"{kind.value}-owed" if getattr(mail, "owed", False) else kind.value
        return self.throttling.count_mail(name, MAILS[kind], draft.to, now)

    def _render_value(self, value: object, language: str, now: datetime) -> object:
        if isinstance(value, PlannedCode):
            return self._issue(value)
        if not isinstance(value, PlannedLink):
            return rendering.format_value(value, language)
        self.tokens.put_new(value.token)
        pepper = self.peppers.current(now)
        text = single_use_tokens.mint(value.token.id, value.token.purpose, pepper)
        return f"{value.page}#token={text}"

    def _issue(self, planned: PlannedCode) -> str:
        account, code = planned.account, mailed_codes.new_code()
        digest = mailed_codes.digest_of(code, purpose=planned.purpose, account_id=account.id)
        self.codes.put_new(
            MailedCode(
                digest=digest,
                purpose=planned.purpose,
                account_id=account.id,
                state=single_use_tokens.state_of(account),
                expires_at=planned.expires_at,
            )
        )
        return mailed_codes.grouped(code)

    def _draft(self, mail: mails.Mail, at: datetime, now: datetime) -> Draft | None:
        match mail:
            case mails.VerifyEmail():
                return self._verify_email(mail, now)
            case mails.ResetPassword():
                return self._reset_password(mail.address, now)
            case mails.AccountErased():
                values = {"receipt": mail.receipt}
                return Draft(to=mail.address, language=mail.language, values=values)
            case mails.AccountMail():
                account = self.accounts.get(mail.account_id)
                if account.status is AccountStatus.ERASING:
                    # A link that is issued now could remain after the erasure.
                    return None
                return self._account_draft(mail, account, at, now)
        raise TypeError(type(mail).__name__)

    def _account_draft(
        self, mail: mails.AccountMail, account: Account, at: datetime, now: datetime
    ) -> Draft | None:
        match mail:
            case mails.ConfirmNewEmail():
                return self._confirm_new_email(account, mail, now)
            case mails.EmailChanged():
                return self._email_changed(account, mail.address, now)
            case mails.AccountDeleted():
                return self._account_deleted(account, now, restorable=mail.restorable)
            case mails.LoginCode():
                return self._login_code(account, now)
            case mails.NewDevice() | mails.SessionUsedElsewhere():
                return self._about_session(account, mail, at, now)
            case mails.PasswordChanged() | mails.RefreshTokenReused():
                facts = self._facts(account.id, mail.session_id, at)
                return _to(account, link=self._page(FORGOT_PASSWORD_PAGE), **facts)
            case mails.AddressTaken() | mails.ExportReady():
                return _to(account, link=self._page(PAGES_OF_NOTICES[type(mail)]))
        raise TypeError(type(mail).__name__)

    def _verify_email(self, mail: mails.VerifyEmail, now: datetime) -> Draft | None:
        account = self._find(mail.address)
        if account is None or account.is_verified:
            return None
        link = self._link(
            Purpose.VERIFY_EMAIL,
            account,
            now,
            timedelta(hours=VERIFY_EMAIL_HOURS),
            subject=account.email,
            device_id=mail.device_id,
        )
        return _to(account, link=link, hours=VERIFY_EMAIL_HOURS)

    def _reset_password(self, address: str, now: datetime) -> Draft | None:
        account = self._find(address)
        if account is None:
            return None
        link = self._link(
            Purpose.RESET_PASSWORD,
            account,
            now,
            timedelta(minutes=RESET_PASSWORD_MINUTES),
            state=single_use_tokens.state_of(account),
        )
        return _to(account, link=link, minutes=RESET_PASSWORD_MINUTES)

    def _confirm_new_email(
        self, account: Account, mail: mails.ConfirmNewEmail, now: datetime
    ) -> Draft | None:
        if account.status is not AccountStatus.ACTIVE:
            return None
        link = self._link(
            Purpose.CHANGE_EMAIL,
            account,
            now,
            timedelta(hours=VERIFY_EMAIL_HOURS),
            subject=mail.address,
            state=single_use_tokens.state_of(account),
            device_id=mail.device_id,
        )
        language = account.speaking_language
        values = {"link": link, "hours": VERIFY_EMAIL_HOURS}
        return Draft(to=mail.address, language=language, values=values, account_id=account.id)

    def _email_changed(self, account: Account, address: str, now: datetime) -> Draft | None:
        if email_key(account.email) == email_key(address):
            # The change was already undone, with the link of an earlier copy of this email.
            return None
        link = None
        if account.has_former_email(now) and account.former_email == address:
            link = self._link(
                Purpose.UNDO_EMAIL_CHANGE,
                account,
                now,
                timedelta(days=OBJECTION_DAYS),
                subject=address,
            )
        values = {"link": link, "days": OBJECTION_DAYS, "new_address": _masked(account.email)}
        language = account.speaking_language
        return Draft(to=address, language=language, values=values, account_id=account.id)

    def _login_code(self, account: Account, now: datetime) -> Draft | None:
        if account.status is not AccountStatus.ACTIVE:
            return None
        expires_at = now + timedelta(minutes=LOGIN_CODE_MINUTES)
        code = PlannedCode(purpose=CodePurpose.SIGN_IN, account=account, expires_at=expires_at)
        return _to(account, code=code, minutes=LOGIN_CODE_MINUTES)

    def _about_session(
        self,
        account: Account,
        mail: mails.NewDevice | mails.SessionUsedElsewhere,
        at: datetime,
        now: datetime,
    ) -> Draft:
        link = self._link(
            Purpose.NOT_ME, account, now, timedelta(days=OBJECTION_DAYS), subject=mail.session_id
        )
        facts = self._facts(account.id, mail.session_id, at)
        session = self.sessions.find(account.id, mail.session_id)
        if session is not None and isinstance(mail, mails.SessionUsedElsewhere):
            use = session.present_use
            facts |= {"place": _place(use.location), "ip_address": use.ip_address}
        return _to(account, link=link, days=OBJECTION_DAYS, **facts)

    def _account_deleted(
        self, account: Account, now: datetime, *, restorable: bool
    ) -> Draft | None:
        if account.purge_at is None:
            return None
        link = None
        if restorable:
            lifetime = account.purge_at - now
            link = self._link(
                Purpose.RESTORE_ACCOUNT, account, now, lifetime, subject=deletion_of(account)
            )
        return _to(account, link=link, purge_date=account.purge_at.date())

    def _find(self, address: str) -> Account | None:
        """Find the active account of a typed address."""
        try:
            account = self.accounts.find_by_email(email_key(normalise_email(address)))
        except InvalidInput:
            return None
        return account if account and account.status is AccountStatus.ACTIVE else None

    def _facts(
        self, account_id: AccountId, session_id: SessionId | None, at: datetime
    ) -> dict[str, object]:
        """Return device, place and time. A removed session has no device."""
        session = self.sessions.find(account_id, session_id) if session_id else None
        return {
            "time": at,
            "device": rendering.unlinked(session.device.name) if session else None,
            "place": _place(session.location) if session else None,
            "ip_address": session.ip_address if session else None,
        }

    def _link(
        self,
        purpose: Purpose,
        account: Account,
        now: datetime,
        lifetime: timedelta,
        *,
        subject: str | None = None,
        state: str | None = None,
        device_id: DeviceId | None = None,
    ) -> PlannedLink:
        token = SingleUseToken(
            id=TokenId(new_id("tok", now)),
            purpose=purpose,
            account_id=account.id,
            expires_at=now + lifetime,
            subject=subject,
            state=state,
            device_id=device_id,
        )
        return PlannedLink(page=self._page(PAGES[purpose]), token=token)

    def _page(self, page: str) -> str:
        return f"{self.link_base}/{page}"


def _to(account: Account, **values: object) -> Draft:
    """Address an email to the stored address of the account."""
    language = account.speaking_language
    return Draft(to=account.email, language=language, values=values, account_id=account.id)


def _masked(address: str) -> str:
    """Shorten an address so that only its owner recognizes it."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}"


def _place(location: Location | None) -> str | None:
    if location is None:
        return None
    return ", ".join(filter(None, (location.city, location.country))) or None

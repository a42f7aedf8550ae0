"""The email address of an account: confirmed, changed, and restored.

The link of a confirmation is enough on the device that asked for it. On any other device the
account's password is required too: somebody else may have registered the address and wait for its
owner to click ("pre-hijacking"). That owner does not know the password. "Forgot password" gives
them the account, with a new password and without sessions.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from latchkey.domain.account import AccountStatus, email_key
from latchkey.domain.audit import Action, audit_row
from latchkey.domain.changes import AccountKept, TokenRedeemed
from latchkey.domain.effects import Effects
from latchkey.domain.errors import InvalidCredentials, InvalidInput, Problem, ProblemCode
from latchkey.domain.limits import (
    EMAIL_CHANGE_PER_ACCOUNT,
    EMAIL_CHANGE_PER_UNVERIFIED_ACCOUNT,
    PASSWORDS_PER_LINK,
)
from latchkey.domain.mail import ConfirmNewEmail, EmailChanged, ResetPassword, VerifyEmail
from latchkey.domain.session import EndReason
from latchkey.domain.single_use import Purpose
from latchkey.domain.values import dataclass, replace
from latchkey.flows.ending import Ending
from latchkey.flows.links import hide_erased_account, invalid_link
from latchkey.observability import request_subject
from latchkey.security.addresses import normalise_email
from latchkey.security.origins import seal_origin
from latchkey.security.single_use_tokens import state_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latchkey.domain.account import Account
    from latchkey.domain.request import Caller, RequestContext
    from latchkey.domain.session import Session
    from latchkey.domain.single_use import SingleUseToken
    from latchkey.flows.ending import SessionEnding
    from latchkey.flows.links import Links
    from latchkey.flows.throttling import Throttling
    from latchkey.security.passwords import Passwords
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.devices import DeviceStore

_RANDOM_PASSWORD_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailAddress:
    """The flow and its parts."""

    accounts: AccountStore
    passwords: Passwords
    links: Links
    devices: DeviceStore
    ending: SessionEnding
    throttling: Throttling

    def request_verification(self, address: str, context: RequestContext) -> None:
        """Email the confirmation link again, if an unconfirmed account has this address.

        Nothing is read here, so that neither the response nor its time reveals an account. The
        worker drops the email above the limit of the mailbox.

        Raises InvalidInput for an invalid address.
        """
        mail = VerifyEmail(address=normalise_email(address), device_id=context.device_id)
        self.accounts.record(Effects(outbox=(mail.message(context),)))

    @hide_erased_account()
    def confirm(self, token_text: str, password: str | None, context: RequestContext) -> None:
        """Confirm the address of a new account, or the new address of an account.

        password  may be missing on the device that asked for the link, if it is a known device

        Each password is counted before it is verified: for the account, and for the link,
        which is void after PASSWORDS_PER_LINK wrong ones.

        Race: of parallel uses of the link one succeeds.

        Raises SingleUseTokenInvalid, TooManyAttempts, InvalidCredentials, InvalidInput if a
        password is required, PasswordResetRequired if the password of the account is void, and
        EmailAlreadyRegistered if another account has the address by now.
        """
        purposes = Purpose.VERIFY_EMAIL, Purpose.CHANGE_EMAIL
        token = self.links.accept(token_text, context.now, *purposes)
        account = self.accounts.get(token.account_id)
        # A wrong password is in the account's history. Without the device, whose import is slow.
        origin = seal_origin(
            account.audit,
            ip_address=context.ip_address,
            device="",
            request_id=context.request_id,
        )
        request_subject.bind(account.audit.id, origin=origin)
        if password is None:
            self._require_device_that_asked(token, context)
            account.require_good_password()
        else:
            self._require_password(account, password, token, context)
        if account.status is not AccountStatus.ACTIVE:
            raise invalid_link()
        if token.purpose is Purpose.VERIFY_EMAIL:
            done = self._verify(account, token, context)
        else:
            account.require_good_password()
            done = self._change(account, token, context)
        if not done:
            raise invalid_link()

    def request_change(self, caller: Caller, address: str, context: RequestContext) -> None:
        """Email a link that changes the caller's address to this one.

        Only the mailbox learns whether the address is taken. The worker drops the email above the
        limit of the mailbox.

        The mailbox may be a stranger's, so an account has a daily limit, which is lower while its
        own address is unconfirmed. It is not zero, because the owner may have mistyped the address
        at the registration.

        Raises NoPassword, PasswordResetRequired, TooManyAttempts, AccountNotFound if the account is
        erased in the meantime, and InvalidInput for an invalid address and for the caller's own.
        """
        new = normalise_email(address)
        account = self.accounts.get(caller.account_id)
        account.require_password()
        if email_key(new) == email_key(account.email):
            raise InvalidInput(
                Problem("email", ProblemCode.UNCHANGED, "This is already your address.")
            )
        account.require_good_password()
        quota = EMAIL_CHANGE_PER_ACCOUNT
        if not account.is_verified:
            quota = EMAIL_CHANGE_PER_UNVERIFIED_ACCOUNT
        self.throttling.count(quota, account.id, context.now)
        row = audit_row(Action.EMAIL_CHANGE_REQUESTED, account.audit, context, caller=caller)
        mail = ConfirmNewEmail(account_id=account.id, address=new, device_id=context.device_id)
        effects = Effects(audit=(row,), outbox=(mail.message(context),))
        self.accounts.record(effects, also=(AccountKept(account.id),))

    @hide_erased_account()
    def undo_change(self, token_text: str, context: RequestContext) -> None:
        """Restore the former address of an account.

        The person who changed it may know the password and be signed in. All sessions end and the
        password becomes void. The owner gets a link to choose a new one.

        Race: of parallel uses of the link one succeeds.

        Raises SingleUseTokenInvalid.
        """
        token = self.links.accept(token_text, context.now, Purpose.UNDO_EMAIL_CHANGE)
        former = token.subject or ""
        random_hash = self.passwords.hash(os.urandom(_RANDOM_PASSWORD_BYTES).hex())

        def decide(account: Account, active: Sequence[Session]) -> Ending:
            self.links.require(token, context.now)
            kept = account.former_email if account.has_former_email(context.now) else None
            if kept != former:
                raise invalid_link()
            row = audit_row(
                Action.EMAIL_CHANGE_UNDONE,
                account.audit,
                context,
                targets=tuple(session.id for session in active),
                changed=("email", "password"),
            )
            mail = ResetPassword(address=former, owed=True)
            return Ending(
                sessions=active,
                reason=EndReason.EMAIL_CHANGE_UNDONE,
                effects=Effects(audit=(row,), outbox=(mail.message(context),)),
                account=replace(
                    account,
                    email=former,
                    is_verified=True,
                    former_email=None,
                    former_email_until=None,
                    password_hash=random_hash,
                    updated_at=context.now,
                ),
                also=[TokenRedeemed(token)],
            )

        self.ending.end(token.account_id, decide, context)

    def _require_password(
        self, account: Account, password: str, token: SingleUseToken, context: RequestContext
    ) -> None:
        counted = self.throttling.before_own_password(account.id, context.now)
        tried = self.links.count_password(token)
        if not self.passwords.verify(account.password_hash, password):
            if tried >= PASSWORDS_PER_LINK:
                self.links.void(token)
            raise InvalidCredentials
        self.throttling.after_own_password(counted)

    def _require_device_that_asked(self, token: SingleUseToken, context: RequestContext) -> None:
        """Raise InvalidInput except on the device that asked for the link.

        The account must know the device too: its owner can ask for a new link of an account that
        a stranger has registered with their address.
        """
        device_id = context.device_id
        if (
            device_id is None
            or device_id != token.device_id
            or self.devices.last_seen(token.account_id, device_id, context.now) is None
        ):
            message = "Send the password of the account: another device asked for this link."
            raise InvalidInput(Problem("password", ProblemCode.REQUIRED, message))

    def _verify(self, account: Account, token: SingleUseToken, context: RequestContext) -> bool:
        if token.subject != account.email:
            return False
        row = audit_row(Action.EMAIL_VERIFIED, account.audit, context)
        return self.accounts.verify_email(account, token, context.now, Effects(audit=(row,)))

    def _change(self, account: Account, token: SingleUseToken, context: RequestContext) -> bool:
        if token.subject is None or token.state != state_of(account):
            return False
        row = audit_row(Action.EMAIL_CHANGED, account.audit, context, changed=("email",))
        mail = EmailChanged(account_id=account.id, address=account.email)
        effects = Effects(audit=(row,), outbox=(mail.message(context),))
        return self.accounts.change_email(account, token.subject, token, context.now, effects)

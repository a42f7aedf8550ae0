"""Changes and resets of passwords."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from latchkey.domain.account import AccountStatus
from latchkey.domain.audit import Action, audit_row
from latchkey.domain.changes import DeviceSeen, TokenRedeemed
from latchkey.domain.effects import Effects
from latchkey.domain.errors import InvalidCredentials, TemporarilyUnavailable
from latchkey.domain.ids import DeviceId
from latchkey.domain.mail import PasswordChanged, ResetPassword
from latchkey.domain.session import EndReason
from latchkey.domain.single_use import Purpose
from latchkey.domain.values import dataclass, replace
from latchkey.flows.ending import Ending
from latchkey.flows.links import hide_erased_account, invalid_link
from latchkey.security.addresses import normalise_email
from latchkey.security.single_use_tokens import state_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latchkey.domain.account import Account
    from latchkey.domain.request import Caller, RequestContext
    from latchkey.domain.session import Session
    from latchkey.flows.ending import SessionEnding
    from latchkey.flows.links import Links
    from latchkey.flows.throttling import Throttling
    from latchkey.security.password_policy import PasswordPolicy
    from latchkey.security.passwords import Passwords
    from latchkey.storage.accounts import AccountStore


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordResetRequests:
    """Requests for a link to choose a new password."""

    accounts: AccountStore

    def request_reset(self, address: str, context: RequestContext) -> None:
        """Email a link to choose a new password, if the address has an account.

        Nothing is read here, so that neither the response nor its time reveals an account. The
        worker drops the email above the limit of the mailbox.

        Raises InvalidInput for an invalid address.
        """
        mail = ResetPassword(address=normalise_email(address))
        self.accounts.record(Effects(outbox=(mail.message(context),)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Password:
    """Changes of a password, by its owner or with an emailed link."""

    accounts: AccountStore
    passwords: Passwords
    policy: PasswordPolicy
    links: Links
    ending: SessionEnding
    throttling: Throttling

    @hide_erased_account()
    def reset(self, token_text: str, new_password: str, context: RequestContext) -> DeviceId:
        """Set a new password with an emailed link. All sessions end and none starts.

        The device becomes a known device, so wrong passwords of others do not block it. Returns its
        id.

        The link was sent to the account's address, so the address is confirmed. If somebody else
        had registered the account with it, their sessions, password and links stop working.

        Race: of parallel uses of the link one succeeds.

        Raises SingleUseTokenInvalid, WeakPassword. Only a success redeems the token.
        """
        token = self.links.accept(token_text, context.now, Purpose.RESET_PASSWORD)
        device_id = context.device_id or DeviceId(context.new_id("dev"))
        account = self.accounts.get(token.account_id)
        new_hash = self._hash(account, new_password)

        def decide(account: Account, active: Sequence[Session]) -> Ending:
            self.links.require(token, context.now)
            is_usable = account.status is AccountStatus.ACTIVE
            if not is_usable or token.state != state_of(account):
                raise invalid_link()
            row = audit_row(
                Action.PASSWORD_RESET,
                account.audit,
                context,
                targets=tuple(session.id for session in active),
                changed=("password",),
            )
            mail = PasswordChanged(account_id=account.id)
            return Ending(
                sessions=active,
                reason=EndReason.PASSWORD_RESET,
                effects=Effects(audit=(row,), outbox=(mail.message(context),)),
                account=replace(
                    account,
                    password_hash=new_hash,
                    must_reset_password=False,
                    is_verified=True,
                    updated_at=context.now,
                ),
                also=[TokenRedeemed(token), DeviceSeen(account.id, device_id, context.now)],
            )

        self.ending.end(token.account_id, decide, context)
        # Ends the wait after wrong passwords. A failure here does not matter.
        with contextlib.suppress(TemporarilyUnavailable):
            self.throttling.after_password_reset(account.id)
        return device_id

    def change(
        self, caller: Caller, current_password: str, new_password: str, context: RequestContext
    ) -> int:
        """Change the caller's password and end their other sessions. Returns their number.

        Race: of two parallel changes one finds that the current password is outdated.

        Raises NoPassword, TooManyAttempts, InvalidCredentials, PasswordResetRequired, WeakPassword.
        """
        account = self.accounts.get(caller.account_id)
        account.require_password()
        known_hash, known_epoch = account.password_hash, account.sign_in_epoch
        counted = self.throttling.before_own_password(account.id, context.now)
        if not self.passwords.verify(known_hash, current_password):
            raise InvalidCredentials
        self.throttling.after_own_password(counted)
        new_hash = self._hash(account, new_password)

        def decide(account: Account, active: Sequence[Session]) -> Ending:
            # In the same epoch, another hash is of the same password with newer parameters.
            has_ended = account.sign_in_epoch != known_epoch
            if has_ended and account.password_hash != known_hash:
                raise InvalidCredentials
            account.require_good_password()
            others = [session for session in active if session.id != caller.session_id]
            row = audit_row(
                Action.PASSWORD_CHANGED,
                account.audit,
                context,
                caller=caller,
                targets=tuple(session.id for session in others),
                changed=("password",),
            )
            mail = PasswordChanged(account_id=account.id, session_id=caller.session_id)
            return Ending(
                sessions=others,
                reason=EndReason.PASSWORD_CHANGED,
                effects=Effects(audit=(row,), outbox=(mail.message(context),)),
                account=replace(account, password_hash=new_hash, updated_at=context.now),
            )

        ended = self.ending.end(caller.account_id, decide, context, caller=caller)
        return len(ended)

    def _hash(self, account: Account, new_password: str) -> str:
        known = tuple(filter(None, (account.email, account.full_name, account.username)))
        self.policy.require_acceptable(new_password, field="new_password", known=known)
        return self.passwords.hash(new_password)

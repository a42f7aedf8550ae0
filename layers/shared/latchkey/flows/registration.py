"""Registration: one account per address, also for parallel requests."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from latchkey.config import EmailVerification
from latchkey.domain.account import Account, email_key, username_key
from latchkey.domain.audit import Action, AuditSubject, audit_row
from latchkey.domain.changes import AccountKept, DeviceSeen, KeyUsed
from latchkey.domain.effects import Effects
from latchkey.domain.errors import (
    AccountNotFound,
    EmailAlreadyRegistered,
    IdempotencyKeyReused,
    UsernameTaken,
)
from latchkey.domain.idempotency import CreatedAccount
from latchkey.domain.ids import AccountId, DeviceId, SubjectId
from latchkey.domain.mail import AddressTaken, VerifyEmail
from latchkey.domain.values import dataclass, replace
from latchkey.security.addresses import normalise_email
from latchkey.security.sealing import KEY_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latchkey.domain.changes import Change
    from latchkey.domain.idempotency import IdempotencyKey
    from latchkey.domain.request import RequestContext
    from latchkey.flows.sign_in import SignedIn, SignIn
    from latchkey.flows.throttling import Throttling
    from latchkey.security.password_policy import PasswordPolicy
    from latchkey.security.passwords import Passwords
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.devices import DeviceStore
    from latchkey.storage.idempotency import IdempotencyStore


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """The data of a registration. Languages are canonical."""

    email: str
    password: str
    full_name: str | None = None
    username: str | None = None
    speaking_language: str | None = None
    listening_language: str | None = None
    device_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """The flow and its parts."""

    accounts: AccountStore
    passwords: Passwords
    policy: PasswordPolicy
    sign_in: SignIn
    email_verification: EmailVerification
    throttling: Throttling
    devices: DeviceStore
    keys: IdempotencyStore

    def register(
        self, new: NewAccount, context: RequestContext, key: IdempotencyKey | None = None
    ) -> SignedIn | None:
        """Create the account and its first session, or neither. Returns the session's tokens.

        If addresses must be verified first, it returns None, for a taken address too and in the
        same time.

        key  makes the request repeatable: the account is created once, without a second email. A
             repetition signs the same device in again

        Raises InvalidInput, WeakPassword, UsernameTaken, IdempotencyKeyReused, and
        EmailAlreadyRegistered if verification is optional.
        """
        email = normalise_email(new.email)
        created = self._created(key, context)
        if created is not None:
            return self._repeated(created, new, context)
        context = context.with_device()
        known = tuple(filter(None, (email, new.full_name, new.username)))
        self.policy.require_acceptable(new.password, field="password", known=known)
        account = Account(
            id=AccountId(context.new_id("usr")),
            email=email,
            # Hashed for a taken address too: the time must not reveal it.
            password_hash=self.passwords.hash(new.password),
            audit=AuditSubject(SubjectId(context.new_id("sub")), os.urandom(KEY_BYTES)),
            created_at=context.now,
            updated_at=context.now,
            username=new.username,
            full_name=new.full_name,
            speaking_language=new.speaking_language,
            listening_language=new.listening_language,
        )
        row = audit_row(Action.ACCOUNT_REGISTERED, account.audit, context)
        device_id = DeviceId(str(context.device_id))
        mail = VerifyEmail(address=email, device_id=device_id)
        effects = Effects(audit=(row,), outbox=(mail.message(context),))
        created = CreatedAccount(account_id=account.id, device_id=device_id)
        claims = [] if key is None else [KeyUsed(None, key, created, context.now)]
        if self.email_verification is EmailVerification.REQUIRED:
            with contextlib.suppress(IdempotencyKeyReused):
                self._put_quietly(account, effects, context, claims)
            return None
        first = self.sign_in.first_session(account, context, device_name=new.device_name)
        effects = replace(effects, audit=(row, first.row))
        try:
            also = [*claims, *first.also]
            self.accounts.put_new(first.account, effects, session=first.session, also=also)
        except (EmailAlreadyRegistered, UsernameTaken, IdempotencyKeyReused):
            # A parallel request with the same key may have been first.
            created = self._created(key, context)
            if created is None:
                raise
            return self._repeated(created, new, context)
        return first.signed_in

    def _created(
        self, key: IdempotencyKey | None, context: RequestContext
    ) -> CreatedAccount | None:
        return None if key is None else self.keys.find(CreatedAccount, None, key, context.now)

    def _repeated(
        self, created: CreatedAccount, new: NewAccount, context: RequestContext
    ) -> SignedIn | None:
        """Return the response to a repeated request. Verifies its password.

        The key's fingerprint does not contain the password. The attempt has its own limit.
        """
        if self.email_verification is EmailVerification.REQUIRED:
            return None
        try:
            account = self.accounts.get(created.account_id)
        except AccountNotFound:
            raise IdempotencyKeyReused from None
        counted = self.throttling.before_own_password(account.id, context.now)
        if not self.passwords.verify(account.password_hash, new.password):
            raise IdempotencyKeyReused
        self.throttling.after_own_password(counted)
        account.require_good_password()
        same_device = context.from_device(created.device_id)
        return self.sign_in.start_session(
            account,
            same_device,
            device_name=new.device_name,
            device_seen_at=self.devices.last_seen(account.id, created.device_id, context.now),
        )

    def _put_quietly(
        self,
        account: Account,
        effects: Effects,
        context: RequestContext,
        claims: Sequence[Change],
    ) -> None:
        """Create the account, or email the address's owner, with the same storage requests.

        The username is checked first in both cases: otherwise a taken username would reveal which
        addresses are free. The worker checks the mailbox's limit, because a check here would change
        the requests.
        """
        name_key = None if account.username is None else username_key(account.username)
        address_owner, name_owner = self.accounts.find_owners(email_key(account.email), name_key)
        if name_owner is not None:
            raise UsernameTaken
        if address_owner is not None:
            mail = AddressTaken(account_id=address_owner)
            also = [AccountKept(address_owner), *claims]
            # If the owner is being erased, no email is sent, and the address is not free yet.
            with contextlib.suppress(AccountNotFound):
                self.accounts.record(Effects(outbox=(mail.message(context),)), also=also)
            return
        # This device knows the password, so it can use the emailed link without typing it.
        device = DeviceSeen(account.id, DeviceId(str(context.device_id)), context.now)
        # A parallel registration has taken the address, and its transaction has the email.
        with contextlib.suppress(EmailAlreadyRegistered):
            self.accounts.put_new(account, effects, also=[device, *claims])

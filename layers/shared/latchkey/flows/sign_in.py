"""Sign-in: from a password to a session and its tokens."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.config import EmailVerification
from latchkey.domain.account import Account, AccountStatus
from latchkey.domain.audit import Action, AuditSubject, audit_row
from latchkey.domain.changes import CodeUsed, DeviceSeen
from latchkey.domain.effects import Effects
from latchkey.domain.errors import (
    AccountDeleted,
    AccountNotFound,
    AccountSuspended,
    EmailNotVerified,
    InvalidCredentials,
    PasswordResetRequired,
    TemporarilyUnavailable,
)
from latchkey.domain.ids import DeviceId, SessionId, SubjectId
from latchkey.domain.limits import (
    DEVICE_SEEN_INTERVAL_SECONDS,
    ENDED_SESSIONS_KEPT,
    UNAVAILABLE_RETRY_AFTER_SECONDS,
)
from latchkey.domain.mail import NewDevice
from latchkey.domain.session import EndReason, LoginMethod, Session, least_recently_used
from latchkey.domain.values import dataclass, replace
from latchkey.flows.conflicts import CONFLICT, Conflict, retry_on_conflict
from latchkey.observability import logger, request_subject
from latchkey.security import refresh_tokens
from latchkey.security.devices import describe
from latchkey.security.origins import seal_origin
from latchkey.security.sealing import KEY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from latchkey.domain.audit import AuditRow
    from latchkey.domain.changes import Change
    from latchkey.domain.mailed_code import MailedCode
    from latchkey.domain.request import Location, RequestContext
    from latchkey.domain.session import Device
    from latchkey.flows.identification import Identification
    from latchkey.flows.login_codes import LoginCodes
    from latchkey.flows.throttling import LoginAttempt, Throttling
    from latchkey.security.access_tokens import AccessTokenSigner
    from latchkey.security.geoip import GeoIpDatabase
    from latchkey.security.passwords import Passwords
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.peppers import PepperStore
    from latchkey.storage.sessions import SessionStore
    from latchkey.storage.sign_ins import SignInReader

_SECRET_BYTES = 32
_REFUSED_ACCOUNTS = (AccountSuspended, AccountDeleted, PasswordResetRequired, EmailNotVerified)
_NOBODY = AuditSubject(SubjectId(""), os.urandom(KEY_BYTES))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session that was started or refreshed, and its tokens."""

    account: Account
    session: Session
    access_token: str
    access_token_lifetime: timedelta
    refresh_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSession:
    """The session that starts in the transaction that creates its account.

    account    the account to create, with its session_version after this session
    also       further changes, such as the known device
    signed_in  the result after the transaction has committed
    """

    account: Account
    session: Session
    also: Sequence[Change]
    row: AuditRow
    signed_in: SignedIn


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """The flow and its parts."""

    accounts: AccountStore
    identification: Identification
    codes: Callable[[], LoginCodes]
    reader: SignInReader
    sessions: SessionStore
    throttling: Throttling
    passwords: Passwords
    signer: AccessTokenSigner
    peppers: PepperStore
    email_verification: EmailVerification
    idle_timeout: timedelta
    absolute_timeout: timedelta
    session_limit: int
    geoip: GeoIpDatabase | None = None

    def with_password(
        self,
        *,
        identifier: str,
        password: str,
        context: RequestContext,
        device_name: str | None = None,
        code: str | None = None,
    ) -> SignedIn:
        """Sign in with an email address or a username.

        code  an emailed code. With it the attempt has its own limit, so that wrong passwords of
              others can't block the owner. Only a successful sign-in redeems it

        The attempt is counted before the password is hashed, and the password is verified before
        the account's status is revealed. Until then an unknown identifier causes the same storage
        requests and takes the same time as a known one.

        Raises TooManyAttempts, CodeInvalid, InvalidCredentials, AccountSuspended, AccountDeleted,
        PasswordResetRequired, EmailNotVerified.
        """
        found = self.identification.identify(identifier, context.now)
        counters = self.throttling.login_counters(found.typed, found.account_id, context)
        needed = counters.of_password() if code is None else (counters.code_holder,)
        read = self.reader.read(found.account_id, context.device_id, needed, context.now)
        account, seen_at = read.account, read.device_seen_at
        # Also without an account, because the time would reveal that there is none.
        device = _device(context, device_name)
        subject = _NOBODY if account is None else account.audit
        origin = seal_origin(
            subject,
            ip_address=context.ip_address,
            device=device.name,
            request_id=context.request_id,
        )
        if account is not None:
            request_subject.bind(account.audit.id, origin=origin)
        mailed = None
        if code is not None:
            mailed = self.codes().require(code, found, account, context.now)
            attempt = self.throttling.before_login_with_code(counters, read.attempts, context.now)
        else:
            attempt = self.throttling.before_login(
                counters, read.attempts, context.now, device_is_known=seen_at is not None
            )
        stored_hash = account.password_hash if account and attempt.may_verify else None
        if not self.passwords.verify(stored_hash, password) or account is None:
            raise InvalidCredentials
        try:
            self._require_usable(account)
            rehashed = None
            if self.passwords.needs_rehash(account.password_hash):
                rehashed = self.passwords.hash(password)
            return self.start_session(
                account,
                context,
                device_name=device_name,
                device_seen_at=seen_at,
                password_hash=rehashed,
                mailed=mailed,
                attempt=attempt,
            )
        except _REFUSED_ACCOUNTS:
            self.throttling.after_refused_login(attempt, context.now)
            raise

    def first_session(
        self, account: Account, context: RequestContext, *, device_name: str | None
    ) -> FirstSession:
        """Prepare the session of a person who registers, without writing anything.

        The tokens are made before the transaction: if a key can't be read, nothing has happened,
        and the person can register again.
        """
        account = replace(account, session_version=account.session_version + 1)
        session = self._new_session(account, context, device_name)
        return FirstSession(
            account=account,
            session=session,
            also=_remember_device(session, None),
            row=self._started(session, account, context),
            signed_in=self._issue(account, session, context),
        )

    def start_session(
        self,
        account: Account,
        context: RequestContext,
        *,
        device_name: str | None,
        device_seen_at: datetime | None,
        password_hash: str | None = None,
        mailed: MailedCode | None = None,
        attempt: LoginAttempt | None = None,
    ) -> SignedIn:
        """Start a session for an authenticated person.

        The owner gets an email if the device is unknown, except for the first sign-in.

        account  as it was when the person authenticated. A session starts only if the password, the
                 status and the sign-in epoch are unchanged, and with the current role
        device_seen_at  the last sign-in of the account on this device; None: it is unknown
        password_hash  of the same password with current parameters, to be stored; None: unchanged
        mailed   a code that the sign-in redeems
        attempt  the counted attempt. The failures before it are forgotten with the sign-in

        Raises InvalidCredentials, AccountSuspended, AccountDeleted or PasswordResetRequired if the
        account has changed in the meantime, CodeInvalid if the code was used in the meantime, and
        TemporarilyUnavailable if its sessions were ended.
        """
        authenticated = account
        session = self._new_session(account, context, device_name)
        also = _remember_device(session, device_seen_at)
        if mailed is not None:
            also.append(CodeUsed(mailed))
        forgiven = [] if attempt is None else self.throttling.forgiven(attempt, context.now)
        notice = NewDevice(account_id=account.id, session_id=session.id).message(context)

        def start() -> SignedIn | Conflict:
            nonlocal account, session, forgiven
            existing = self.sessions.list_by_account(account.id)
            ending = self._superseded_by(session, existing)
            rows = [self._started(session, account, context)]
            rows += [
                audit_row(
                    _ACTIONS[reason],
                    account.audit,
                    context,
                    session_id=session.id,
                    targets=(old.id,),
                    device=old.device.name,
                )
                for old, reason in ending
            ]
            started = self.sessions.start(
                session,
                session_version=account.session_version,
                ending=ending,
                # session_version 0: the first sign-in, which needs no notice.
                effects=Effects(
                    audit=tuple(rows),
                    outbox=(notice,) if device_seen_at is None and account.session_version else (),
                ),
                also=[*also, *forgiven],
                password_hash=password_hash,
            )
            if started:
                self._forget_oldest(existing)
                return self._issue(account, session, context)
            account = self._read_again(authenticated)
            if mailed is not None:
                self.codes().require_unused(mailed, context.now)
            if attempt is not None:
                forgiven = self.throttling.forgiven(attempt, context.now, read_again=True)
            session = replace(session, role=account.role)
            return CONFLICT

        return retry_on_conflict(start, reason="sign-in contention")

    def _started(self, session: Session, account: Account, context: RequestContext) -> AuditRow:
        return audit_row(
            Action.SESSION_STARTED,
            account.audit,
            context,
            session_id=session.id,
            targets=(session.id,),
            device=session.device.name,
        )

    def _read_again(self, authenticated: Account) -> Account:
        """Read the account after a lost race. Raises unless the authentication is still valid."""
        try:
            account = self.accounts.get(authenticated.id)
        except AccountNotFound:
            raise InvalidCredentials from None
        ended = account.sign_in_epoch != authenticated.sign_in_epoch
        # In the same epoch, another hash is of the same password with newer parameters.
        if ended and account.password_hash != authenticated.password_hash:
            raise InvalidCredentials
        self._require_usable(account)
        if ended:
            # The password is still right, so the client may sign in again.
            raise TemporarilyUnavailable(
                retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS, reason="sessions were ended"
            )
        return account

    def _require_usable(self, account: Account) -> None:
        if account.status is AccountStatus.SUSPENDED:
            raise AccountSuspended
        if account.status is AccountStatus.DELETED:
            raise AccountDeleted(account.purge_at)
        if account.status is AccountStatus.ERASING:
            raise AccountDeleted
        account.require_good_password()
        if self.email_verification is EmailVerification.REQUIRED and not account.is_verified:
            raise EmailNotVerified

    def _new_session(
        self, account: Account, context: RequestContext, device_name: str | None
    ) -> Session:
        return Session(
            id=SessionId(context.new_id("ses")),
            account_id=account.id,
            audit=account.audit,
            role=account.role,
            device=_device(context, device_name),
            device_id=context.device_id or DeviceId(context.new_id("dev")),
            user_agent=context.user_agent,
            ip_address=context.ip_address,
            location=context.location or self._locate(context.ip_address),
            login_method=LoginMethod.PASSWORD,
            created_at=context.now,
            authenticated_at=context.now,
            last_activity_at=context.now,
            expires_at=context.now + self.absolute_timeout,
            secret=os.urandom(_SECRET_BYTES),
        )

    def _locate(self, ip_address: str) -> Location | None:
        return None if self.geoip is None else self.geoip.find(ip_address)

    def _superseded_by(
        self, session: Session, existing: list[Session]
    ) -> list[tuple[Session, EndReason]]:
        """Return the sessions to end: the device's old one, and those above the limit."""
        now = session.created_at
        active = [old for old in existing if old.is_active(now, self.idle_timeout)]
        same = [old for old in active if old.device_id == session.device_id]
        others = [old for old in active if old.device_id != session.device_id]
        surplus = least_recently_used(others, keep=self.session_limit - 1)
        return [
            *((old, EndReason.SUPERSEDED) for old in same),
            *((old, EndReason.LIMIT) for old in surplus),
        ]

    def _forget_oldest(self, existing: list[Session]) -> None:
        # Ended sessions of other issuers stay: their tokens would start them again.
        now_inactive = [
            old for old in existing if old.ended_at is not None and old.identity_id is None
        ]
        now_inactive.sort(key=lambda old: old.created_at)
        surplus = now_inactive[: max(0, len(now_inactive) - ENDED_SESSIONS_KEPT)]
        if not surplus:
            return
        try:
            self.sessions.delete_history(surplus)
        except TemporarilyUnavailable:
            # The person is signed in. The next sign-in removes the old sessions.
            logger.warning("ended sessions not forgotten", session_id=surplus[0].id)

    def _issue(self, account: Account, session: Session, context: RequestContext) -> SignedIn:
        return SignedIn(
            account=account,
            session=session,
            access_token=self.signer.sign(session, context.now),
            access_token_lifetime=self.signer.lifetime,
            refresh_token=refresh_tokens.mint(session, self.peppers.current(context.now)),
        )


def _remember_device(session: Session, seen_at: datetime | None) -> list[Change]:
    interval = timedelta(seconds=DEVICE_SEEN_INTERVAL_SECONDS)
    if seen_at is not None and session.created_at - seen_at < interval:
        return []
    return [DeviceSeen(session.account_id, session.device_id, session.created_at)]


def _device(context: RequestContext, device_name: str | None) -> Device:
    return describe(context.user_agent, client_hints=context.client_hints, device_name=device_name)


_ACTIONS = {
    EndReason.SUPERSEDED: Action.SESSION_SUPERSEDED,
    EndReason.LIMIT: Action.SESSION_ENDED_BY_LIMIT,
}

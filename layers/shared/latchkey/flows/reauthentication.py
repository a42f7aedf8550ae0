"""Step-up: authentication with the password during a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.audit import Action, audit_row
from latchkey.domain.effects import Effects
from latchkey.domain.errors import InvalidCredentials, SessionRevoked
from latchkey.domain.values import dataclass, replace

if TYPE_CHECKING:
    from datetime import timedelta

    from latchkey.domain.request import Caller, RequestContext
    from latchkey.flows.throttling import Throttling
    from latchkey.security.access_tokens import AccessTokenSigner
    from latchkey.security.passwords import Passwords
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.sessions import SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Reauthenticated:
    """An access token with the current time as `auth_time`."""

    access_token: str
    access_token_lifetime: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Reauthentication:
    """The flow and its parts."""

    accounts: AccountStore
    sessions: SessionStore
    passwords: Passwords
    throttling: Throttling
    signer: AccessTokenSigner

    def with_password(
        self, caller: Caller, password: str, context: RequestContext
    ) -> Reauthenticated:
        """Verify the caller's password and issue a new token for the same session.

        Raises NoPassword, TooManyAttempts, InvalidCredentials, PasswordResetRequired, or
        SessionRevoked if the session ended in the meantime.
        """
        account = self.accounts.get(caller.account_id)
        account.require_password()
        counted = self.throttling.before_own_password(account.id, context.now)
        if not self.passwords.verify(account.password_hash, password):
            raise InvalidCredentials
        self.throttling.after_own_password(counted)
        account.require_good_password()
        session = self.sessions.find(caller.account_id, caller.session_id)
        if session is None:
            raise SessionRevoked
        row = audit_row(
            Action.SESSION_REAUTHENTICATED,
            account.audit,
            context,
            session_id=session.id,
            targets=(session.id,),
            device=session.device.name,
        )
        if not self.sessions.reauthenticate(session, context.now, Effects(audit=(row,))):
            raise SessionRevoked
        fresh = replace(session, authenticated_at=context.now)
        return Reauthenticated(
            access_token=self.signer.sign(fresh, context.now),
            access_token_lifetime=self.signer.lifetime,
        )

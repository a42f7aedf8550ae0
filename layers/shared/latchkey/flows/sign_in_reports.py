"""Reports of unrecognized sign-ins, with the link of the email about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.audit import Action, audit_row
from latchkey.domain.changes import DeviceForgotten, TokenRedeemed
from latchkey.domain.effects import Effects
from latchkey.domain.ids import SessionId
from latchkey.domain.mail import ResetPassword
from latchkey.domain.session import EndReason
from latchkey.domain.single_use import Purpose
from latchkey.domain.values import dataclass, replace
from latchkey.flows.ending import Ending
from latchkey.flows.links import hide_erased_account, invalid_link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latchkey.domain.account import Account
    from latchkey.domain.changes import Change
    from latchkey.domain.request import RequestContext
    from latchkey.domain.session import Session
    from latchkey.domain.single_use import SingleUseToken
    from latchkey.flows.ending import SessionEnding
    from latchkey.flows.links import Links
    from latchkey.storage.sessions import SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInReports:
    """The flow and its parts."""

    sessions: SessionStore
    links: Links
    ending: SessionEnding

    def find_reported(self, token_text: str, context: RequestContext) -> Session | None:
        """Return the session of the email, or None if it is no longer stored.

        Raises SingleUseTokenInvalid.
        """
        return self._accept(token_text, context)[1]

    @hide_erased_account()
    def report(self, token_text: str, context: RequestContext) -> None:
        """Sign the reported device out and void the password.

        Somebody else knows the password. It stops working until it is replaced by email, which ends
        all other sessions too. A link for that is sent at once. If the session is no longer stored,
        all devices are signed out, because it may be any of them. A known device becomes unknown,
        so its next sign-in is reported again.

        Race: of parallel uses of the link one succeeds. A concurrent sign-in cancels the
        transaction and is included in the next attempt.

        Raises SingleUseTokenInvalid.
        """
        token, reported = self._accept(token_text, context)
        also: list[Change] = [TokenRedeemed(token)]
        if reported is not None:
            also.append(DeviceForgotten(token.account_id, reported.device_id))

        def decide(account: Account, active: Sequence[Session]) -> Ending:
            chosen = active
            if reported is not None:
                chosen = [session for session in active if session.device_id == reported.device_id]
            self.links.require(token, context.now)
            # Again, because a reset may have committed since the link was accepted.
            self._find_reported(token)
            row = audit_row(
                Action.SESSION_DISOWNED,
                account.audit,
                context,
                targets=tuple(session.id for session in chosen),
                device=None if reported is None else reported.device.name,
            )
            mail = ResetPassword(address=account.email, owed=True)
            return Ending(
                sessions=chosen,
                reason=EndReason.DISOWNED,
                effects=Effects(audit=(row,), outbox=(mail.message(context),)),
                account=replace(account, must_reset_password=True, updated_at=context.now),
                also=also,
            )

        self.ending.end(token.account_id, decide, context)

    def _accept(
        self, token_text: str, context: RequestContext
    ) -> tuple[SingleUseToken, Session | None]:
        token = self.links.accept(token_text, context.now, Purpose.NOT_ME)
        return token, self._find_reported(token)

    def _find_reported(self, token: SingleUseToken) -> Session | None:
        reported = self.sessions.find(token.account_id, SessionId(token.subject or ""))
        # A reset has ended all sessions. The link must not void the new password.
        if reported is not None and reported.end_reason is EndReason.PASSWORD_RESET:
            raise invalid_link()
        return reported

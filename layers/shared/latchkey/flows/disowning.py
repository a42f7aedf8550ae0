"""Saying that a sign-in was somebody else's, by the link of the mail that told of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from latchkey.domain.account import AccountStatus
from latchkey.domain.audit import Action, audit_row
from latchkey.domain.changes import DeviceForgotten, TokenRedeemed
from latchkey.domain.effects import Effects
from latchkey.domain.mail import ResetPassword
from latchkey.domain.session import EndReason
from latchkey.domain.single_use import Purpose
from latchkey.flows.ending import Ending
from latchkey.flows.links import link_of_account, no_longer_good

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
class Disowning:
    """The flow, and what it needs."""

    sessions: SessionStore
    links: Links
    ending: SessionEnding

    def find_reported(self, token_text: str, context: RequestContext) -> Session | None:
        """Find the session that the mail was about; None when it is not known any more.

        Raises SingleUseTokenInvalid.
        """
        return self._accept(token_text, context)[1]

    @link_of_account()
    def disown(self, token_text: str, context: RequestContext) -> None:
        """Sign the device out that the mail was about, and make the password void.

        Whoever signed in knows the password. It opens nothing more until it is replaced by mail,
        which ends every other session as well; the link to do it is sent at once. A device that
        is not known any more may be any of them, so all are signed out then. One that is known is
        forgotten: its next sign-in is news again.

        Race: of any number that use the link at once one succeeds. A sign-in that commits at the
        same time cancels this, and is among the sessions when it is decided again.

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
            # Again: a reset may have committed since the link was accepted.
            self._find_reported(token)
            if account.status is AccountStatus.ERASING:
                raise no_longer_good()
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
        reported = self.sessions.find(token.account_id, token.subject or "")
        # A reset has signed everything out. The link could only undo the password that came of it.
        if reported is not None and reported.end_reason is EndReason.PASSWORD_RESET:
            raise no_longer_good()
        return reported

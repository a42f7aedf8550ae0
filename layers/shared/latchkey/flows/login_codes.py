"""Codes by mail that let an account's owner sign in although strangers guess at the password.

Whoever sends a code shows that they read the account's mail. It opens nothing alone: it only has
the password looked at, under a limit of its own that strangers can't reach (ADR 17).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from latchkey.domain.effects import Effects
from latchkey.domain.errors import CodeInvalid
from latchkey.domain.mail import LoginCode
from latchkey.domain.mailed_code import CodePurpose
from latchkey.security.mailed_codes import digest_of
from latchkey.security.single_use_tokens import state_of

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.mailed_code import MailedCode
    from latchkey.domain.request import RequestContext
    from latchkey.flows.identification import Identification, Identified
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.mailed_codes import MailedCodeStore

NOBODY = "nobody"
"""Stands for the account in a message about an identifier that nobody has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginCodes:
    """The flows, and what they need."""

    accounts: AccountStore
    identification: Identification
    codes: MailedCodeStore

    def request(self, identifier: str, context: RequestContext) -> None:
        """Have a code mailed to the owner of an address or username, if somebody has it.

        A message is written in any case, and the worker finds out that there is nobody to write to:
        neither the answer nor the requests that are made tell who has an account.
        """
        account = self.identification.find(identifier)
        mail = LoginCode(account_id=NOBODY if account is None else account.id)
        self.accounts.record(Effects(outbox=(mail.message(context),)))

    def require(self, text: str, found: Identified, now: datetime) -> MailedCode:
        """Find the code that somebody has typed. Raises CodeInvalid."""
        digest = digest_of(text, purpose=CodePurpose.SIGN_IN, account_id=found.whose)
        code = self.codes.find(digest, now)
        if code is None or found.account is None or code.state != state_of(found.account):
            raise CodeInvalid
        return code

    def require_unused(self, code: MailedCode, now: datetime) -> None:
        """Raise CodeInvalid if the code has been used since it was found."""
        if self.codes.find(code.digest, now) is None:
            raise CodeInvalid

"""Emailed codes that let the owner sign in after too many wrong passwords of others.

A code proves access to the account's mailbox. It is not enough alone: it only allows the password
to be verified, under a separate limit that others can't use up (ADR 17).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from latchkey.domain.changes import AccountKept
from latchkey.domain.effects import Effects
from latchkey.domain.errors import AccountNotFound, CodeInvalid
from latchkey.domain.ids import AccountId
from latchkey.domain.mail import LoginCode
from latchkey.domain.mailed_code import CodePurpose
from latchkey.domain.values import dataclass
from latchkey.security.mailed_codes import digest_of
from latchkey.security.single_use_tokens import state_of

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.account import Account
    from latchkey.domain.mailed_code import MailedCode
    from latchkey.domain.request import RequestContext
    from latchkey.flows.identification import Identification, Identified
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.mailed_codes import MailedCodeStore

NOBODY = AccountId("nobody")
"""Replaces the account id in a message about an unknown identifier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginCodes:
    """The flow and its parts."""

    accounts: AccountStore
    identification: Identification
    codes: MailedCodeStore

    def request(self, identifier: str, context: RequestContext) -> None:
        """Email a code to the owner of an address or username, if there is one.

        A message is always written, and the worker finds out whether there is an account. Neither
        the response nor the storage requests reveal it.
        """
        account = self.identification.find(identifier)
        account_id = None if account is None else account.id
        mail = LoginCode(account_id=account_id or NOBODY)
        # An account that is being erased gets no email: its message would outlive the erasure.
        with contextlib.suppress(AccountNotFound):
            self.accounts.record(
                Effects(outbox=(mail.message(context),)), also=(AccountKept(account_id),)
            )

    def require(
        self, text: str, found: Identified, account: Account | None, now: datetime
    ) -> MailedCode:
        """Return the code for a typed text. Raises CodeInvalid."""
        digest = digest_of(text, purpose=CodePurpose.SIGN_IN, account_id=found.account_id)
        code = self.codes.find(digest, now)
        if code is None or account is None or code.state != state_of(account):
            raise CodeInvalid
        return code

    def require_unused(self, code: MailedCode, now: datetime) -> None:
        """Raise CodeInvalid if the code was used since it was found."""
        if self.codes.find(code.digest, now) is None:
            raise CodeInvalid

"""Emailed codes. They prove access to an account's mailbox."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.ids import AccountId


class CodePurpose(StrEnum):
    """The only use of a code. Values are stored and digested."""

    SIGN_IN = "sign_in"
    """Together with the password: allows a sign-in after too many wrong passwords of others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailedCode:
    """The stored data of a code, without the code.

    digest  of the code (`security.mailed_codes`)
    state   a digest of the account's credentials: a change of them voids the code
    """

    digest: str
    purpose: CodePurpose
    account_id: AccountId
    state: str
    expires_at: datetime

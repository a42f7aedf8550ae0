"""Codes that are mailed and typed: they prove that somebody reads an account's mail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class CodePurpose(StrEnum):
    """What a code is good for, and nothing else. Values are stored and digested."""

    SIGN_IN = "sign_in"
    """With the password: it is looked at although strangers have guessed too often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailedCode:
    """What is stored of a code: everything but the code.

    digest  of the code (`security.mailed_codes`)
    state   what the account's credentials were: the code is void once they have changed
    """

    digest: str
    purpose: CodePurpose
    account_id: str
    state: str
    expires_at: datetime

"""Whose address or username was typed, without telling whether anybody has it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from latchkey.domain.account import email_key, username_key
from latchkey.domain.errors import InvalidInput
from latchkey.security.addresses import normalise_email
from latchkey.security.peppers import Use, derive_key

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.account import Account
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.peppers import PepperStore

_EMAIL, _USERNAME = "email", "username"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """What was typed, and the account that it names.

    typed    a digest of the identifier. What was typed may be a password in the wrong field, so it
             is never kept as it is
    whose    the account's id; `typed` if nobody has the identifier
    """

    account: Account | None
    typed: str

    @property
    def whose(self) -> str:
        """Name the account, or nobody, for counters and for reads that find nothing."""
        return self.typed if self.account is None else self.account.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """The flow, and what it needs."""

    accounts: AccountStore
    peppers: PepperStore

    def find(self, identifier: str) -> Account | None:
        """Find an account by its e-mail address or its username.

        The same requests are made whether or not there is one.
        """
        return self._find(*_fold(identifier))

    def identify(self, identifier: str, now: datetime) -> Identified:
        """Find an account, and name what was typed. All spellings of an identifier have one name.

        A new pepper changes the names, once in its life: counters by them start afresh then.
        """
        kind, key = _fold(identifier)
        secret = derive_key(self.peppers.current(now), Use.IDENTIFIER)
        typed = hmac.digest(secret, f"{kind}|{key}".encode(), hashlib.sha256).hex()[:32]
        return Identified(account=self._find(kind, key), typed=typed)

    def _find(self, kind: str, key: str) -> Account | None:
        if kind == _EMAIL:
            return self.accounts.find_by_email(key)
        return self.accounts.find_by_username(key)


def _fold(identifier: str) -> tuple[str, str]:
    """Bring what was typed into the key that an account could be found by."""
    # Folded first: an input method may have typed the @ in full width.
    if "@" not in username_key(identifier):
        return _USERNAME, username_key(identifier)
    try:
        return _EMAIL, email_key(normalise_email(identifier))
    except InvalidInput:
        # What can't be an address is nobody's, and answered as an unknown one.
        return _EMAIL, username_key(identifier)

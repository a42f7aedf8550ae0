"""Finds the account of a typed address or username, without revealing whether it exists."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from latchkey.domain.account import email_key, username_key
from latchkey.domain.errors import InvalidInput
from latchkey.domain.ids import AccountId
from latchkey.domain.values import dataclass
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
    """A typed identifier, and the id of its account if there is one.

    typed  a digest of the identifier. The identifier is never stored, because it may be a password
           that was typed into the wrong field
    """

    owner: AccountId | None
    typed: str

    @property
    def account_id(self) -> AccountId:
        """The id for counters and reads. That of an unknown identifier finds nothing."""
        return AccountId(self.typed) if self.owner is None else self.owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """The flow and its parts."""

    accounts: AccountStore
    peppers: PepperStore

    def find(self, identifier: str) -> Account | None:
        """Find an account by its email address or username.

        The requests to storage are the same for an unknown identifier.
        """
        return self._find(*_fold(identifier))

    def identify(self, identifier: str, now: datetime) -> Identified:
        """Find an account's id, and return a pseudonym that all spellings of the identifier share.

        A new pepper changes the pseudonyms, so counters restart.
        """
        kind, key = _fold(identifier)
        secret = derive_key(self.peppers.current(now), Use.IDENTIFIER)
        typed = hmac.digest(secret, f"{kind}|{key}".encode(), hashlib.sha256).hex()[:32]
        find = self.accounts.owner_of_email if kind == _EMAIL else self.accounts.owner_of_username
        return Identified(owner=find(key), typed=typed)

    def _find(self, kind: str, key: str) -> Account | None:
        if kind == _EMAIL:
            return self.accounts.find_by_email(key)
        return self.accounts.find_by_username(key)


def _fold(identifier: str) -> tuple[str, str]:
    """Return the key that an account with this identifier would have."""
    # Folded first: an input method may have typed a full-width @.
    if "@" not in username_key(identifier):
        return _USERNAME, username_key(identifier)
    try:
        return _EMAIL, email_key(normalise_email(identifier))
    except InvalidInput:
        # An invalid address is treated as an unknown one.
        return _EMAIL, username_key(identifier)

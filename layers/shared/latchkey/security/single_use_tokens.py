"""Single-use tokens: computed from their id, so that none is ever stored.

    <token id>.<HMAC-SHA256 over purpose and id>

The code's key is known only to the functions that issue and accept tokens, so that neither a copy
of the table nor of a queue yields one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from latchkey.domain.ids import is_id

if TYPE_CHECKING:
    from latchkey.domain.account import Account
    from latchkey.domain.single_use import Purpose

_FORM = re.compile(r"([a-z0-9_]{30})\.([A-Za-z0-9_-]{43})")


def mint(token_id: str, purpose: Purpose, pepper: bytes) -> str:
    """Compute the token that goes into the mail."""
    return f"{token_id}.{_code(token_id, purpose, pepper)}"


def genuine_id(text: str, purpose: Purpose, pepper: bytes) -> str | None:
    """Return the id of a token that we made for this purpose; None for any other text."""
    match = _FORM.fullmatch(text)
    if match is None or not is_id("tok", match[1]):
        return None
    # Constant time: a comparison that stops early would be an oracle for the code.
    genuine = hmac.compare_digest(_code(match[1], purpose, pepper), match[2])
    return match[1] if genuine else None


def state_of(account: Account) -> str:
    """Digest an account's credentials, for tokens that must not outlive them.

    Of two links to reset a password the second is void once the first has been used, and so is
    every link that went to an address that the account no longer has.
    """
    text = f"{account.id}|{account.email}|{account.password_hash}".encode()
    return hashlib.sha256(text).hexdigest()


def _code(token_id: str, purpose: Purpose, pepper: bytes) -> str:
    text = f"single-use|{purpose.value}|{token_id}".encode()
    return base64.urlsafe_b64encode(hmac.digest(pepper, text, hashlib.sha256)).rstrip(b"=").decode()

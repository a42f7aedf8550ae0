"""Single-use tokens. They are computed from their id and never stored.

    <token id>.<pepper id>.<HMAC-SHA256 over purpose and id>

The code's key is derived from a pepper that is known only to the functions that issue and accept
tokens, so that neither a copy of the table nor of a queue yields one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from latchkey.domain.ids import TokenId, is_id
from latchkey.domain.peppers import UNNAMED
from latchkey.domain.values import dataclass
from latchkey.security.peppers import Use, derive_key

if TYPE_CHECKING:
    from latchkey.domain.account import Account
    from latchkey.domain.peppers import Pepper
    from latchkey.domain.single_use import Purpose

_FORM = re.compile(r"([a-z0-9_]{30})\.(?:([1-9][0-9]{0,5})\.)?([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class PresentedLink:
    """A parsed token that is not verified yet."""

    token_id: TokenId
    pepper_id: str
    code: str


def mint(token_id: TokenId, purpose: Purpose, pepper: Pepper) -> str:
    """Compute the token for the email."""
    named = "" if pepper.id == UNNAMED else f"{pepper.id}."
    return f"{token_id}.{named}{_code(token_id, purpose, pepper)}"


def parse(text: str) -> PresentedLink | None:
    """Parse a token. Returns None for a malformed one."""
    match = _FORM.fullmatch(text)
    if match is None or not is_id("tok", match[1]):
        return None
    return PresentedLink(TokenId(match[1]), match[2] or UNNAMED, match[3])


def is_genuine(presented: PresentedLink, purpose: Purpose, pepper: Pepper) -> bool:
    """Return whether this service issued the token for this purpose."""
    expected = _code(presented.token_id, purpose, pepper)
    # Constant time: an early exit would reveal the code byte by byte.
    return hmac.compare_digest(expected, presented.code)


def state_of(account: Account) -> str:
    """Digest the credentials of an account, for tokens that a change of them must void.

    After a password reset, other reset links are void. After a change of address, links that were
    sent to the old address are void.
    """
    text = f"{account.id}|{account.email}|{account.password_hash}".encode()
    return hashlib.sha256(text).hexdigest()


def _code(token_id: TokenId, purpose: Purpose, pepper: Pepper) -> str:
    text = f"single-use|{purpose.value}|{token_id}".encode()
    return (
        base64.urlsafe_b64encode(hmac.digest(derive_key(pepper, Use.LINK), text, hashlib.sha256))
        .rstrip(b"=")
        .decode()
    )

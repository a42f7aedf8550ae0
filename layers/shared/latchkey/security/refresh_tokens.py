"""Refresh tokens. They are computed from the session and never stored.

    <account id>.<session id>.<generation>.<pepper id>.<HMAC-SHA256>

The first two ids are the key of the session's item, and the code covers ids and generation. Its key
is derived from the session's own secret and from a pepper that only the issuing functions can read,
so a copy of the table yields no token. Tokens of the first, unnamed pepper have no pepper id.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from latchkey.domain.ids import AccountId, SessionId, is_id
from latchkey.domain.peppers import UNNAMED
from latchkey.domain.values import dataclass
from latchkey.security.peppers import Use, derive_key

if TYPE_CHECKING:
    from latchkey.domain.peppers import Pepper
    from latchkey.domain.session import Session

_FORM = re.compile(
    r"([a-z0-9_]{30})\.([a-z0-9_]{30})\.([1-9][0-9]{0,8})\.(?:([1-9][0-9]{0,5})\.)?([A-Za-z0-9_-]{43})"
)


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """A parsed refresh token that is not verified yet."""

    account_id: AccountId
    session_id: SessionId
    generation: int
    pepper_id: str
    code: str


def mint(session: Session, pepper: Pepper) -> str:
    """Compute the refresh token of the session's current generation."""
    code = _code(session, session.generation, pepper)
    named = "" if pepper.id == UNNAMED else f"{pepper.id}."
    return f"{session.account_id}.{session.id}.{session.generation}.{named}{code}"


def parse(text: str) -> PresentedToken | None:
    """Parse a token. Returns None for a malformed one."""
    match = _FORM.fullmatch(text)
    if match is None or not is_id("usr", match[1]) or not is_id("ses", match[2]):
        return None
    account_id, session_id = AccountId(match[1]), SessionId(match[2])
    return PresentedToken(account_id, session_id, int(match[3]), match[4] or UNNAMED, match[5])


def is_genuine(presented: PresentedToken, session: Session, pepper: Pepper) -> bool:
    """Return whether this service issued the token for this session, in any generation."""
    expected = _code(session, presented.generation, pepper)
    # Constant time: an early exit would reveal the code byte by byte.
    return hmac.compare_digest(expected, presented.code)


def _code(session: Session, generation: int, pepper: Pepper) -> str:
    key = hmac.digest(derive_key(pepper, Use.REFRESH), session.secret, hashlib.sha256)
    text = f"{session.account_id}.{session.id}.{generation}".encode()
    return base64.urlsafe_b64encode(hmac.digest(key, text, hashlib.sha256)).rstrip(b"=").decode()

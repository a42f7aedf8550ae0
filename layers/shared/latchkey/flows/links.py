"""Accepts emailed links: from the text in a request to a valid token."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound, Problem, ProblemCode, SingleUseTokenInvalid
from latchkey.domain.limits import PASSWORDS_PER_LINK
from latchkey.domain.values import dataclass
from latchkey.security.single_use_tokens import is_genuine, parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from latchkey.domain.single_use import Purpose, SingleUseToken
    from latchkey.storage.peppers import PepperStore
    from latchkey.storage.single_use_tokens import SingleUseTokenStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The flow and its parts."""

    tokens: SingleUseTokenStore
    peppers: PepperStore

    def accept(self, text: str, now: datetime, *purposes: Purpose) -> SingleUseToken:
        """Return the token of a text, if it is valid for one of these purposes.

        The token is not redeemed here, but in the transaction of its effect
        (`storage.single_use_tokens.redeem`).

        Raises SingleUseTokenInvalid for a forged, used or expired token.
        """
        presented = parse(text)
        pepper = None if presented is None else self.peppers.find(presented.pepper_id)
        if presented is None or pepper is None:
            raise invalid_link()
        if not any(is_genuine(presented, purpose, pepper) for purpose in purposes):
            raise invalid_link()
        token = self.tokens.find(presented.token_id, now)
        if token is None:
            raise invalid_link()
        return token

    def count_password(self, token: SingleUseToken) -> int:
        """Count a password attempt with a link before it is verified. Returns the number.

        Raises SingleUseTokenInvalid if the link was used, is void, or has had too many attempts.
        """
        tried = self.tokens.count_password(token.id)
        if tried is None or tried > PASSWORDS_PER_LINK:
            raise invalid_link()
        return tried

    def void(self, token: SingleUseToken) -> None:
        """Void a link."""
        self.tokens.delete(token.id)

    def require(self, token: SingleUseToken, now: datetime) -> None:
        """Raise SingleUseTokenInvalid if the token was used since it was accepted."""
        if self.tokens.find(token.id, now) is None:
            raise invalid_link()


@contextlib.contextmanager
def hide_erased_account() -> Iterator[None]:
    """Convert AccountNotFound into the error of an invalid link, for an erased account."""
    try:
        yield
    except AccountNotFound:
        raise invalid_link() from None


def invalid_link() -> SingleUseTokenInvalid:
    """Return the error of an invalid link, for any reason."""
    return SingleUseTokenInvalid(
        Problem("token", ProblemCode.SINGLE_USE_TOKEN_INVALID, "Request a new link.")
    )

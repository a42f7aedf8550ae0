"""Taking the links of mails back: from a text that somebody sent to a token that is still good."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from latchkey.domain.errors import AccountNotFound, Problem, ProblemCode, SingleUseTokenInvalid
from latchkey.domain.limits import PASSWORDS_PER_LINK
from latchkey.security.single_use_tokens import is_genuine, parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from latchkey.domain.single_use import Purpose, SingleUseToken
    from latchkey.storage.peppers import PepperStore
    from latchkey.storage.single_use_tokens import SingleUseTokenStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The mechanism, and what it needs."""

    tokens: SingleUseTokenStore
    peppers: PepperStore

    def accept(self, text: str, now: datetime, *purposes: Purpose) -> SingleUseToken:
        """Find the token that a text names, if we made it for one of these purposes.

        It is not used up by this: whoever acts on it redeems it in the write of what it is for
        (`storage.single_use_tokens.redeem`).

        Raises SingleUseTokenInvalid for a token that is forged, used or too old, alike.
        """
        presented = parse(text)
        pepper = None if presented is None else self.peppers.find(presented.pepper_id)
        if presented is None or pepper is None:
            raise no_longer_good()
        if not any(is_genuine(presented, purpose, pepper) for purpose in purposes):
            raise no_longer_good()
        token = self.tokens.find(presented.token_id, now)
        if token is None:
            raise no_longer_good()
        return token

    def count_password(self, token: SingleUseToken) -> int:
        """Count a password that goes with a link, before it is verified; return how many it were.

        Raises SingleUseTokenInvalid if the link has been used or given up, or has had too many.
        """
        tried = self.tokens.count_password(token.id)
        if tried is None or tried > PASSWORDS_PER_LINK:
            raise no_longer_good()
        return tried

    def give_up(self, token: SingleUseToken) -> None:
        """Make a link void."""
        self.tokens.delete(token.id)

    def require(self, token: SingleUseToken, now: datetime) -> None:
        """Raise SingleUseTokenInvalid if the token has been used since it was accepted."""
        if self.tokens.find(token.id, now) is None:
            raise no_longer_good()


@contextlib.contextmanager
def link_of_account() -> Iterator[None]:
    """Answer the link of an account that is erased meanwhile as any link that does not work."""
    try:
        yield
    except AccountNotFound:
        raise no_longer_good() from None


def no_longer_good() -> SingleUseTokenInvalid:
    """Say that a link does not work (any more), whatever the reason."""
    return SingleUseTokenInvalid(
        Problem("token", ProblemCode.SINGLE_USE_TOKEN_INVALID, "Ask for a new link.")
    )

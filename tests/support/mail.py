"""Captured emails, and how people use them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latchkey.domain.mail import Letter


@dataclass(frozen=True, slots=True)
class SentMail:
    """A captured email."""

    to: str
    letter: Letter

    @property
    def token(self) -> str:
        """The token of its link."""
        return token_in(self.letter.text)


def token_in(text: str) -> str:
    """Return the token in the text of an email."""
    match = re.search(r"#token=(\S+)", text)
    assert match is not None, text
    return match[1]


class MemoryMailbox:
    """SES as the worker sees it: everybody's inbox; `down` makes it fail."""

    def __init__(self) -> None:
        self.sent: list[SentMail] = []
        self.down = False

    def send(self, to: str, letter: Letter) -> None:
        if self.down:
            msg = "SES does not answer"
            raise OSError(msg)
        self.sent.append(SentMail(to, letter))

    def to(self, address: str) -> list[SentMail]:
        """Everything that an address got, oldest first."""
        return [mail for mail in self.sent if mail.to == address]

    def last(self, address: str) -> SentMail:
        """The newest mail that an address got."""
        return self.to(address)[-1]

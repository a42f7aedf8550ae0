"""The policy for new passwords: long, and not easy to guess.

Loaded only where a password is set. Source: NIST SP 800-63B-4 3.1.1.2: a minimum length, a list of
common and expected passwords, and no rules about kinds of characters.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Protocol

from zxcvbn import zxcvbn

from latchkey.domain.errors import Problem, ProblemCode, WeakPassword
from latchkey.domain.limits import (
    PASSWORD_AFFIX_MAX_CHARACTERS,
    PASSWORD_GUESSES_LOG10,
    PASSWORD_KNOWN_MIN_CHARACTERS,
    PASSWORD_MAX_CHARACTERS,
    PASSWORD_OWN_MIN_CHARACTERS,
)
from latchkey.security.common_passwords import CommonPasswords, fold

_ZXCVBN_MAX_CHARACTERS = 72
"""zxcvbn 4.5 raises for longer input. Only the input of the estimate is cut."""

_LEET = str.maketrans("@({[<!|$+%", "acccciistx")
_LEET_MAX_KINDS = 2
"""zxcvbn tries every combination of substitutions for these and digits. All of them took 3 s."""

_LAYOUTS = (
    ("1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./"),
    ("1234567890", "qwertzuiop\u00fc", "asdfghjkl\u00f6\u00e4", "yxcvbnm"),
    ("1234567890", "azertyuiop", "qsdfghjklm", "wxcvbn"),
    ("1234567890", "',.pyfgcrl", "aoeuidhtns", ";qjkxbm"),
    (
        "1234567890",
        "\u0439\u0446\u0443\u043a\u0435\u043d\u0433\u0448\u0449\u0437\u0445\u044a",
        "\u0444\u044b\u0432\u0430\u043f\u0440\u043e\u043b\u0434\u0436\u044d",
        "\u044f\u0447\u0441\u043c\u0438\u0442\u044c\u0431\u044e",
    ),
    ("789", "456", "123", "0"),
    ("abcdefghijklmnopqrstuvwxyz",),
)
"""QWERTY, QWERTZ, AZERTY, Dvorak, Russian, a number pad, and the alphabet as one row."""

_KEYS = tuple(
    {key: (column, row) for row, keys in enumerate(layout) for column, key in enumerate(keys)}
    for layout in _LAYOUTS
)
_WALK_SHARE = 0.85
"""The share of steps of a keyboard walk that go to a neighboring key or stay."""

_PART_MIN_CHARACTERS = 3
"""Shorter parts of names occur in many words."""

_STRANDS_MAX = 5
"""`1qaz2wsx3edc` is four rows, interleaved."""


class Passwords(Protocol):
    """A set of passwords."""

    def __contains__(self, password: str, /) -> bool:
        """Return whether this one is among them."""
        ...


class PasswordPolicy:
    """The rules for new passwords."""

    def __init__(
        self,
        *,
        min_length: int,
        common: CommonPasswords,
        service_words: tuple[str, ...] = (),
        breached: Passwords | None = None,
    ) -> None:
        """Accept passwords of at least this many characters (code points).

        service_words  the name and the domain of the service, which are expected in its passwords
        breached       leaked passwords, if the deployment names a range service
        """
        self._min_length = min_length
        self._common = common
        self._service_words = service_words
        self._breached: Passwords = () if breached is None else breached
        # Eight random letters take 10^8 guesses. A deployment that allows them needs a lower bound.
        self._guesses_log10 = min(PASSWORD_GUESSES_LOG10, min_length - 2)

    def require_acceptable(self, password: str, *, field: str, known: tuple[str, ...] = ()) -> None:
        """Raise WeakPassword if the password is too short, too long, or easy to guess.

        known  what an attacker knows about the person (email address, names). It adds no strength
        """
        normal = unicodedata.normalize("NFKC", password)
        # Normalization can turn one character into eighteen, such as U+FDFA.
        if min(len(password), len(normal)) < self._min_length:
            message = f"Use at least {self._min_length} characters."
            raise WeakPassword(Problem(field, ProblemCode.TOO_SHORT, message))
        if len(normal) > PASSWORD_MAX_CHARACTERS:
            message = f"Use at most {PASSWORD_MAX_CHARACTERS} characters."
            raise WeakPassword(Problem(field, ProblemCode.TOO_LONG, message))
        common = self._is_listed(normal) or is_walk(normal) or self._is_guessed(normal, known)
        # Last, so that the range service is only asked about otherwise acceptable passwords.
        if common or password in self._breached:
            message = "This password is too common or too easy to guess."
            raise WeakPassword(Problem(field, ProblemCode.TOO_COMMON, message))

    def _is_listed(self, password: str) -> bool:
        """Look up the password, also without a few characters at either end.

        A repetition counts as the repeated part, which is too short or in the list.
        """
        folded = fold(password)
        unit = _repeated(folded)
        if folded in self._common or unit in self._common:
            return True
        if len(unit) < min(len(folded), self._min_length):
            return True
        longest = min(PASSWORD_AFFIX_MAX_CHARACTERS, len(folded) - PASSWORD_KNOWN_MIN_CHARACTERS)
        return any(
            folded[cut:] in self._common or folded[:-cut] in self._common
            for cut in range(1, longest + 1)
        )

    def _is_guessed(self, password: str, known: tuple[str, ...]) -> bool:
        known_words = [*self._service_words, *known]
        parts = [
            part for text in known_words for part in re.split(r"[\W_]+", text) if len(part) > 1
        ]
        if self._is_expected(password, parts):
            return True
        spellings = {password}
        if len({c for c in password if not c.isalnum()}) == 1:
            # `123456_2024_2025`: a repeated separator adds no strength.
            spellings.add("".join(c for c in password if c.isalnum()))
        return any(
            zxcvbn(_bounded(text), user_inputs=[*known_words, *parts])["guesses_log10"]
            < self._guesses_log10
            for text in spellings
        )

    def _is_expected(self, password: str, parts: list[str]) -> bool:
        """Return whether little remains without the words of the service and the person."""
        folded = fold(password)
        rest = folded
        for part in sorted(map(fold, parts), key=len, reverse=True):
            if len(part) >= _PART_MIN_CHARACTERS:
                rest = rest.replace(part, "")
        return rest != folded and len(rest) < PASSWORD_OWN_MIN_CHARACTERS


def _bounded(text: str) -> str:
    """Return the text in a form that zxcvbn can estimate within milliseconds."""
    text = text[:_ZXCVBN_MAX_CHARACTERS]
    kinds = {c for c in text if ord(c) in _LEET}
    return text.translate(_LEET) if len(kinds) > _LEET_MAX_KINDS else text


def is_walk(password: str) -> bool:
    """Return whether a password is a keyboard walk: along neighbors, or with interleaved rows."""
    text = [c for c in password.casefold() if not c.isspace()]
    return any(_walks(text, keys) or _interleaves(text, keys) for keys in _KEYS)


def _walks(text: list[str], keys: dict[str, tuple[int, int]]) -> bool:
    steps = [_step(a, b, keys) for a, b in pairwise(text)]
    near = [step for step in steps if step is not None and max(map(abs, step)) <= 1]
    return len(near) >= _WALK_SHARE * len(steps)


def _interleaves(text: list[str], keys: dict[str, tuple[int, int]]) -> bool:
    """Return whether every nth character forms a straight line on the keyboard, for some n."""
    for count in range(2, _STRANDS_MAX + 1):
        strands = [[_step(a, b, keys) for a, b in pairwise(text[i::count])] for i in range(count)]
        if all(len(strand) > 1 and _is_straight(strand) for strand in strands):
            return True
    return False


def _is_straight(strand: list[tuple[int, int] | None]) -> bool:
    """Return whether all steps but one are equal: to one neighbor, or to the same key."""
    usual = max(strand, key=strand.count)
    if usual is None or max(map(abs, usual)) > 1:
        return False
    return strand.count(usual) >= len(strand) - (len(strand) > 2)  # noqa: PLR2004 - both of two


def _step(a: str, b: str, keys: dict[str, tuple[int, int]]) -> tuple[int, int] | None:
    if a not in keys or b not in keys:
        return None
    return keys[b][0] - keys[a][0], keys[b][1] - keys[a][1]


def _repeated(text: str) -> str:
    """Return the repeated part of a text, such as `ab` for `ababab`, or the text itself."""
    start = (text + text).find(text, 1)
    return text[:start] if start > 0 else text

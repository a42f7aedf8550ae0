"""Which new passwords are accepted: long ones that nobody would try early.

Loaded only where a password is set. Source: NIST SP 800-63B-4 3.1.1.2: a length, a list of common
and expected passwords, no rules about kinds of characters.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

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
"""zxcvbn 4.5 raises above it; only its estimate is cut, never the password."""

_LEET = str.maketrans("@({[<!|$+%", "acccciistx")
_LEET_MAX_KINDS = 2
"""zxcvbn tries every combination of what these and digits stand for: all took it three seconds."""

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
"""QWERTY, QWERTZ, AZERTY, Dvorak, Russian, a number pad, and the alphabet itself as one row."""

_KEYS = tuple(
    {key: (column, row) for row, keys in enumerate(layout) for column, key in enumerate(keys)}
    for layout in _LAYOUTS
)
_WALK_SHARE = 0.85
"""Of the steps of a keyboard walk that go to a neighbouring key, or stay."""

_PART_MIN_CHARACTERS = 3
"""A shorter part of a name is in many words."""

_STRANDS_MAX = 5
"""`1qaz2wsx3edc` is four rows, interleaved."""


class PasswordPolicy:
    """What a new password must not be."""

    def __init__(
        self,
        *,
        min_length: int,
        common: CommonPasswords,
        service_words: tuple[str, ...] = (),
    ) -> None:
        """Accept passwords of at least this many characters (code points).

        service_words  the service's name and domain, which are expected in its passwords
        """
        self._min_length = min_length
        self._common = common
        self._service_words = service_words
        # Eight random letters take 10^8 guesses: who allows them asks for less than that.
        self._guesses_log10 = min(PASSWORD_GUESSES_LOG10, min_length - 2)

    def require_acceptable(self, password: str, *, field: str, known: tuple[str, ...] = ()) -> None:
        """Raise WeakPassword unless it is long, not too long, and not easily guessed.

        known  what an attacker knows of the person (e-mail, names): worth nothing in a password
        """
        normal = unicodedata.normalize("NFKC", password)
        # One typed character may become eighteen, such as U+FDFA.
        if min(len(password), len(normal)) < self._min_length:
            words = f"Use at least {self._min_length} characters."
            raise WeakPassword(Problem(field, ProblemCode.TOO_SHORT, words))
        if len(normal) > PASSWORD_MAX_CHARACTERS:
            words = f"Use at most {PASSWORD_MAX_CHARACTERS} characters."
            raise WeakPassword(Problem(field, ProblemCode.TOO_LONG, words))
        if self._is_listed(normal) or is_walk(normal) or self._is_guessed(normal, known):
            words = "This password is too common or too easy to guess."
            raise WeakPassword(Problem(field, ProblemCode.TOO_COMMON, words))

    def _is_listed(self, password: str) -> bool:
        """Look up the password, and what is left without a few characters at either end.

        A repetition counts as what it repeats, which is too short or in the list itself.
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
        words = [*self._service_words, *known]
        parts = [part for text in words for part in re.split(r"[\W_]+", text) if len(part) > 1]
        if self._is_expected(password, parts):
            return True
        spellings = {password}
        if len({c for c in password if not c.isalnum()}) == 1:
            # `123456_2024_2025`: one separator in several places makes nothing harder to guess.
            spellings.add("".join(c for c in password if c.isalnum()))
        return any(
            zxcvbn(_bounded(text), user_inputs=[*words, *parts])["guesses_log10"]
            < self._guesses_log10
            for text in spellings
        )

    def _is_expected(self, password: str, parts: list[str]) -> bool:
        """Tell whether little is left without the words of the service and of the person."""
        folded = fold(password)
        rest = folded
        for part in sorted(map(fold, parts), key=len, reverse=True):
            if len(part) >= _PART_MIN_CHARACTERS:
                rest = rest.replace(part, "")
        return rest != folded and len(rest) < PASSWORD_OWN_MIN_CHARACTERS


def _bounded(text: str) -> str:
    """Return what zxcvbn estimates in milliseconds, for any text."""
    text = text[:_ZXCVBN_MAX_CHARACTERS]
    kinds = {c for c in text if ord(c) in _LEET}
    return text.translate(_LEET) if len(kinds) > _LEET_MAX_KINDS else text


def is_walk(password: str) -> bool:
    """Tell whether a password is drawn on a keyboard: along neighbours, or rows interleaved."""
    text = [c for c in password.casefold() if not c.isspace()]
    return any(_walks(text, keys) or _interleaves(text, keys) for keys in _KEYS)


def _walks(text: list[str], keys: dict[str, tuple[int, int]]) -> bool:
    steps = [_step(a, b, keys) for a, b in pairwise(text)]
    near = [step for step in steps if step is not None and max(map(abs, step)) <= 1]
    return len(near) >= _WALK_SHARE * len(steps)


def _interleaves(text: list[str], keys: dict[str, tuple[int, int]]) -> bool:
    """Tell whether every nth character makes a straight line, for some n."""
    for count in range(2, _STRANDS_MAX + 1):
        strands = [[_step(a, b, keys) for a, b in pairwise(text[i::count])] for i in range(count)]
        if all(len(strand) > 1 and _is_straight(strand) for strand in strands):
            return True
    return False


def _is_straight(strand: list[tuple[int, int] | None]) -> bool:
    """Tell whether all steps but one are the same, to a neighbour or to where it was."""
    usual = max(strand, key=strand.count)
    if usual is None or max(map(abs, usual)) > 1:
        return False
    return strand.count(usual) >= len(strand) - (len(strand) > 2)  # noqa: PLR2004 - of two, both


def _step(a: str, b: str, keys: dict[str, tuple[int, int]]) -> tuple[int, int] | None:
    if a not in keys or b not in keys:
        return None
    return keys[b][0] - keys[a][0], keys[b][1] - keys[a][1]


def _repeated(text: str) -> str:
    """Return what a text consists of repetitions of, such as `ab` of `ababab`; or the text."""
    start = (text + text).find(text, 1)
    return text[:start] if start > 0 else text

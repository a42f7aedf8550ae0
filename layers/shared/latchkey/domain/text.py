"""Text for people: the allowed characters and the stored form.

Refused are controls, direction characters, and invisible ones. Joiners are invisible too, but many
scripts need them: Sinhala for "Sri Lanka", Persian for "Alireza", and emoji for a family. They are
accepted where they change the display. Sources: RFC 5892 appendix A, UAX 31, UTS 51.
"""

from __future__ import annotations

import re
import unicodedata

REPLACEMENT_CHARACTER = "\ufffd"
"""Decoders replace invalid bytes with it. Different inputs become equal, so it is refused."""

_NON_JOINER, _JOINER = "\u200c", "\u200d"
_VIRAMA_CLASS = 9
"""The canonical combining class of a virama. Source: UAX 44."""

_FORBIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufffc\U00016fe4\U0001d159")
"""Characters without a shape that have another category: fillers and blank symbols."""

_CURSIVE = re.compile(
    "[\u0600-\u07ff\u0840-\u086f\u0870-\u08ff\u1800-\u18af\ua840-\ua87f\ufb50-\ufdff\ufe70-\ufefe"
    "\U00010ac0-\U00010aff\U00010b80-\U00010baf\U00010d00-\U00010d3f\U00010f30-\U00010f8f"
    "\U00010fb0-\U00010fdf\U0001e900-\U0001e95f]"
)
"""Blocks of scripts whose letters join: Arabic, Syriac, N'Ko, Mongolian, Adlam and others."""

_EMOJI = re.compile("[\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]")
"""Blocks of emoji, including those that Unicode reserves for more."""

_MODIFIERS = re.compile("[\ufe0f\U0001f3fb-\U0001f3ff]*")
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
"""Tag characters, as in the flag of Wales."""

_VARIATION = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u180b-\u180d\u180f]")
_MONGOLIAN_SEPARATOR = "\u180e"


def to_stored_form(text: str) -> str:
    """Return the form that is stored, counted and compared: NFC, without surrounding space."""
    return unicodedata.normalize("NFC", text).strip()


def is_readable(text: str) -> bool:
    """Return whether every character is allowed and at least one is visible."""
    return len(readable_part(text)) == len(text) and any(_is_base(c) for c in text)


def readable_part(text: str) -> str:
    """Return the text without forbidden characters."""
    flags = {i for flag in _FLAG.finditer(text) for i in range(*flag.span())}
    return "".join(c for i, c in enumerate(text) if i in flags or _may_be_shown(text, i))


def escape_unprintable(text: str) -> str:
    """Replace characters that could disturb a log or a terminal, in a name that is echoed."""
    return "".join(c if c.isprintable() else REPLACEMENT_CHARACTER for c in text)


def _may_be_shown(text: str, index: int) -> bool:
    character = text[index]
    before = text[index - 1 : index]
    if character == REPLACEMENT_CHARACTER or character in _INVISIBLE:
        return False
    if character == _JOINER:
        return _may_join(text, index)
    if character == _NON_JOINER:
        return _is_virama(before) or _between(text, index, _CURSIVE)
    if character == _MONGOLIAN_SEPARATOR:
        return _between(text, index, _CURSIVE)
    if _VARIATION.match(character):
        # One per character. A row of them could hide a text.
        return before != "" and not _VARIATION.match(before) and _is_base(before)
    category = unicodedata.category(character)
    return category not in _FORBIDDEN_CATEGORIES or (category == "Cn" and _is_emoji(character))


def _may_join(text: str, index: int) -> bool:
    """Return whether U+200D has an effect: after a virama, in a Bengali ra-ya, between emoji."""
    before, after = text[index - 1 : index], text[index + 1 : index + 2]
    if _is_virama(before) or (before.isalpha() and _is_virama(after)):
        return True
    start = index
    while start and _MODIFIERS.fullmatch(text[start - 1]):
        start -= 1
    return _is_emoji(text[start - 1 : start]) and _is_emoji(after)


def _between(text: str, index: int, letters: re.Pattern[str]) -> bool:
    """Return whether letters of a kind are on both sides. Marks may follow the first."""
    left, right = index - 1, index + 1
    while left > 0 and unicodedata.category(text[left]) == "Mn":
        left -= 1
    return bool(letters.match(text[max(left, 0) : index]) and letters.match(text[right:]))


def _is_virama(character: str) -> bool:
    return character != "" and unicodedata.combining(character) == _VIRAMA_CLASS


def _is_emoji(character: str) -> bool:
    return _EMOJI.match(character) is not None


def _is_base(character: str) -> bool:
    """Return whether a character has a shape: no space, mark, joiner or filler."""
    category = unicodedata.category(character)
    return (
        category[0] not in "ZM"
        and category not in _FORBIDDEN_CATEGORIES - {"Cn"}
        and character not in _INVISIBLE
    )

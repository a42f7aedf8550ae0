"""Identifiers: a prefix that says what a thing is, and a UUIDv7 that says nothing else.

The text form is TypeID's (`ses_01h455vb4pex5vsknk084sn02q`): 26 characters of lower-case Crockford
base 32. It sorts by creation time and carries 74 random bits, so that it can't be guessed.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_SUFFIX = re.compile(rf"[0-7][{_ALPHABET}]{{25}}")


def new_id(prefix: str, now: datetime) -> str:
    """Mint an identifier. Source: RFC 9562 section 5.7 (UUIDv7), TypeID 0.3 (text form)."""
    milliseconds = int(now.timestamp() * 1000)
    random = int.from_bytes(os.urandom(10), "big")
    rand_a, rand_b = random >> 68, random & ((1 << 62) - 1)
    number = (milliseconds << 80) | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b
    return f"{prefix}_" + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def is_id(prefix: str, text: str) -> bool:
    """Tell whether `text` has the form of an identifier of this kind; nothing is looked up."""
    head, _, suffix = text.partition("_")
    return head == prefix and _SUFFIX.fullmatch(suffix) is not None


def minted_at(identifier: str) -> datetime:
    """Read back when an identifier of ours was minted, to the second: its first 48 bits."""
    number = 0
    for character in identifier.partition("_")[2]:
        number = number << 5 | _ALPHABET.index(character)
    return datetime.fromtimestamp((number >> 80) // 1000, UTC)

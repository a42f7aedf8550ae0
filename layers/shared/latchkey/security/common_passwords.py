"""The list of common passwords: a Bloom filter beside this file, written by `tools.passwords`.

It says "perhaps" or "certainly not": of a million passwords that are not in the list it takes one
for one that is. Nobody can read the passwords out of it. Source: Bloom, "Space/Time Trade-offs in
Hash Coding with Allowable Errors" (1970); the second hash after Kirsch and Mitzenmacher (2006).
"""

from __future__ import annotations

import hashlib
import os
import struct
import unicodedata
from pathlib import Path
from typing import Self

FILE = Path(__file__).with_name("common_passwords.bloom")
HASHES = 20
"""Of a rate of one in a million: log2 of 1,000,000."""

_HEADER = struct.Struct(">8sQ")
_MAGIC = b"lkbloom1"

_LEET = str.maketrans("01345789!@$|l", "oieastbgiasii")


def fold(password: str) -> str:
    """Return what the spellings of one password have in common.

    Case, width, spaces and punctuation go, and digits become the letters they stand for:
    `P@ssw0rd`, `pass word` and `password` are one. Empty for what has no letter and no digit.
    """
    text = unicodedata.normalize("NFKC", password).casefold().translate(_LEET)
    return "".join(c for c in text if c.isalnum())


class CommonPasswords:
    """The filter, read where a password is set: 20 reads of one byte, and nothing in memory."""

    def __init__(self, path: Path = FILE) -> None:
        """Open the file; raises ValueError for one that `tools.passwords` did not write."""
        self._file = os.open(path, os.O_RDONLY)
        magic, self._bits = _HEADER.unpack(os.pread(self._file, _HEADER.size, 0))
        if magic != _MAGIC:
            os.close(self._file)
            raise ValueError(path)

    def __contains__(self, folded: str) -> bool:
        """Tell whether a folded password is in the list, but for one in a million."""
        return all(
            os.pread(self._file, 1, _HEADER.size + bit // 8)[0] >> bit % 8 & 1
            for bit in positions(folded, self._bits)
        )

    def close(self) -> None:
        """Close the file; a function keeps it open as long as it lives."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def positions(folded: str, bits: int) -> list[int]:
    """Return the bits that stand for a folded password."""
    digest = hashlib.sha256(folded.encode("utf-8", "surrogatepass")).digest()
    first, step = struct.unpack(">QQ", digest[:16])
    return [(first + number * step) % bits for number in range(HASHES)]


def write(path: Path, folded: set[str], bits: int) -> None:
    """Write a filter of so many bits."""
    field = bytearray(-(-bits // 8))
    for text in folded:
        for bit in positions(text, bits):
            field[bit // 8] |= 1 << bit % 8
    path.write_bytes(_HEADER.pack(_MAGIC, bits) + field)

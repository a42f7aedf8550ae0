"""Codes that are mailed and typed: made at random, kept as a slow digest."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from latchkey.domain.limits import LOGIN_CODE_CHARACTERS, LOGIN_CODE_SCRYPT_COST

if TYPE_CHECKING:
    from latchkey.domain.mailed_code import CodePurpose

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter looks like a digit."""

_LOOK_ALIKES = str.maketrans("OIL", "011")
_SCRYPT_BLOCK_SIZE = 8


def new_code() -> str:
    """Make a code."""
    # 256 is a multiple of 32, so that each character is as likely as any other.
    return "".join(_ALPHABET[byte % 32] for byte in os.urandom(LOGIN_CODE_CHARACTERS))


def shown(code: str) -> str:
    """Write a code so that it is easy to read: `K7QMX-3TW9B`."""
    half = LOGIN_CODE_CHARACTERS // 2
    return f"{code[:half]}-{code[half:]}"


def digest_of(text: str, *, purpose: CodePurpose, account_id: str) -> str:
    """Digest a code as somebody has typed it: in small letters, with spaces, an O for a zero.

    Slow, so that a copy of the table does not yield a code within the hour that it lives. Without
    a pepper: the function that mails codes and the one that takes them share none.
    """
    code = "".join(filter(str.isalnum, text.upper())).translate(_LOOK_ALIKES)
    salt = f"mailed-code|{purpose.value}|{account_id}".encode()
    return hashlib.scrypt(
        code.encode(),
        salt=salt,
        n=LOGIN_CODE_SCRYPT_COST,
        r=_SCRYPT_BLOCK_SIZE,
        p=1,
        dklen=32,
    ).hex()

"""Emailed codes that people type: random, and stored as a slow digest."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from latchkey.domain.limits import LOGIN_CODE_CHARACTERS, LOGIN_CODE_SCRYPT_COST

if TYPE_CHECKING:
    from latchkey.domain.ids import AccountId
    from latchkey.domain.mailed_code import CodePurpose

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32, in which no letter looks like a digit."""

_LOOK_ALIKES = str.maketrans("OIL", "011")
_SCRYPT_BLOCK_SIZE = 8


def new_code() -> str:
    """Create a code."""
    # 256 is a multiple of 32, so all characters are equally likely.
    return "".join(_ALPHABET[byte % 32] for byte in os.urandom(LOGIN_CODE_CHARACTERS))


def grouped(code: str) -> str:
    """Format a code for reading: `K7QMX-3TW9B`."""
    half = LOGIN_CODE_CHARACTERS // 2
    return f"{code[:half]}-{code[half:]}"


def digest_of(text: str, *, purpose: CodePurpose, account_id: AccountId) -> str:
    """Digest a typed code. Accepts lower case, spaces, and an O for a zero.

    The digest is slow, so that a copy of the table does not reveal a code during its lifetime of an
    hour. It has no pepper, because the function that mails codes and the one that verifies them
    share none.
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

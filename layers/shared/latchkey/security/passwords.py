"""Passwords: what is accepted, and how it is kept."""

from __future__ import annotations

import base64
import os
import re
import unicodedata
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION
from zxcvbn import zxcvbn

from latchkey.domain.errors import Problem, ProblemCode, WeakPassword
from latchkey.domain.limits import (
    ARGON2_ITERATIONS,
    ARGON2_MEMORY_KIB,
    ARGON2_PARALLELISM,
    PASSWORD_MAX_CHARACTERS,
    PASSWORD_MIN_SCORE,
)

_ZXCVBN_MAX_CHARACTERS = 72
"""zxcvbn 4.5 raises above it; only its scoring is cut, never the password."""


class Passwords:
    """Argon2id with OWASP's parameters, over the NFKC form of what was typed."""

    def __init__(self, *, min_length: int) -> None:
        """Accept passwords of at least this many characters (code points)."""
        self._min_length = min_length
        self._hasher = PasswordHasher(
            time_cost=ARGON2_ITERATIONS,
            memory_cost=ARGON2_MEMORY_KIB,
            parallelism=ARGON2_PARALLELISM,
        )

    def require_acceptable(self, password: str, *, field: str, known: tuple[str, ...] = ()) -> None:
        """Raise WeakPassword unless it is long, not too long and not easily guessed.

        known  what an attacker knows of the person (e-mail, names): worth nothing in a password
        Source: NIST SP 800-63B 3.1.1.2 (length, blocklist, no composition rules).
        """
        normal = _normalise(password)
        # One typed character may become eighteen, such as U+FDFA.
        if min(len(password), len(normal)) < self._min_length:
            words = f"Use at least {self._min_length} characters."
            raise WeakPassword(Problem(field, ProblemCode.TOO_SHORT, words))
        if len(normal) > PASSWORD_MAX_CHARACTERS:
            words = f"Use at most {PASSWORD_MAX_CHARACTERS} characters."
            raise WeakPassword(Problem(field, ProblemCode.TOO_LONG, words))
        parts = [part for text in known for part in re.split(r"[\W_]+", text) if len(part) > 1]
        result = zxcvbn(normal[:_ZXCVBN_MAX_CHARACTERS], user_inputs=[*known, *parts])
        if result["score"] < PASSWORD_MIN_SCORE:
            words = "This password is too common or too easy to guess."
            raise WeakPassword(Problem(field, ProblemCode.TOO_COMMON, words))

    def hash(self, password: str) -> str:
        """Hash a password into a PHC string. About 20 ms and 19 MiB."""
        return self._hasher.hash(_normalise(password))

    def verify(self, stored_hash: str | None, password: str) -> bool:
        """Compare a password with a hash; without one, with a decoy that takes as long.

        So an account that does not exist can't be told by the time that its refusal takes.
        """
        try:
            self._hasher.verify(stored_hash or self._decoy, _normalise(password))
        except (VerificationError, InvalidHashError):
            return False
        return stored_hash is not None

    def needs_rehash(self, stored_hash: str) -> bool:
        """Tell whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored_hash)

    @cached_property
    def _decoy(self) -> str:
        # Of parts: to hash something would let a cold function's first unknown account take twice
        # as long. No password is behind these bytes.
        parts = (os.urandom(size) for size in (self._hasher.salt_len, self._hasher.hash_len))
        salt, digest = (base64.b64encode(part).decode().rstrip("=") for part in parts)
        costs = self._hasher
        return (
            f"$argon2id$v={ARGON2_VERSION}$m={costs.memory_cost},t={costs.time_cost}"
            f",p={costs.parallelism}${salt}${digest}"
        )


def _normalise(password: str) -> str:
    # The same key presses give different code points on different systems. Source: 800-63B.
    return unicodedata.normalize("NFKC", password)

"""Passwords: how they are kept. `security.password_policy` says which are accepted."""

from __future__ import annotations

import base64
import os
import unicodedata
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from latchkey.domain.limits import (
    ARGON2_ITERATIONS,
    ARGON2_MEMORY_KIB,
    ARGON2_PARALLELISM,
)


class Passwords:
    """Argon2id with OWASP's parameters, over the NFKC form of what was typed."""

    def __init__(self) -> None:
        """Hash with today's parameters."""
        self._hasher = PasswordHasher(
            time_cost=ARGON2_ITERATIONS,
            memory_cost=ARGON2_MEMORY_KIB,
            parallelism=ARGON2_PARALLELISM,
        )

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

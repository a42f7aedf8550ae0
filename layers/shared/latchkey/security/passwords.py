"""Stores passwords as hashes. `security.password_policy` decides which are accepted."""

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
    """Argon2id with OWASP's parameters, over the NFKC form of the password."""

    def __init__(self) -> None:
        """Hash with the current parameters."""
        self._hasher = PasswordHasher(
            time_cost=ARGON2_ITERATIONS,
            memory_cost=ARGON2_MEMORY_KIB,
            parallelism=ARGON2_PARALLELISM,
        )

    def hash(self, password: str) -> str:
        """Hash a password into a PHC string. About 20 ms and 19 MiB."""
        return self._hasher.hash(_normalise(password))

    def verify(self, stored_hash: str | None, password: str) -> bool:
        """Compare a password with a hash. Without a hash, compare with a decoy of the same cost.

        The time of a refusal must not reveal whether the account exists.
        """
        try:
            self._hasher.verify(stored_hash or self._decoy, _normalise(password))
        except (VerificationError, InvalidHashError):
            return False
        return stored_hash is not None

    def needs_rehash(self, stored_hash: str) -> bool:
        """Return whether the hash has other parameters than the current ones."""
        return self._hasher.check_needs_rehash(stored_hash)

    @cached_property
    def _decoy(self) -> str:
        # Composed without hashing, which would double the time for the first unknown account in a
        # cold function. No password matches these bytes.
        parts = (os.urandom(size) for size in (self._hasher.salt_len, self._hasher.hash_len))
        salt, digest = (base64.b64encode(part).decode().rstrip("=") for part in parts)
        costs = self._hasher
        return (
            f"$argon2id$v={ARGON2_VERSION}$m={costs.memory_cost},t={costs.time_cost}"
            f",p={costs.parallelism}${salt}${digest}"
        )


def _normalise(password: str) -> str:
    # Systems send different code points for the same keys. Source: 800-63B.
    return unicodedata.normalize("NFKC", password)

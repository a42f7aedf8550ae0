"""Cheap and counting password hashing for tests."""

from __future__ import annotations

from typing import override

from argon2 import PasswordHasher

from latchkey.security.passwords import Passwords


class QuickPasswords(Passwords):
    """Argon2id as it is in production, but for its price: 8 KiB, once."""

    def __init__(self, *, time_cost: int = 1) -> None:
        super().__init__()
        self._hasher = PasswordHasher(time_cost=time_cost, memory_cost=8, parallelism=1)


class CountingPasswords(QuickPasswords):
    """Passwords that know how often one was looked at.

    verified   how often a password was compared, also with a decoy hash
    evaluated  how often with an account's own
    """

    def __init__(self) -> None:
        super().__init__()
        self.verified = self.evaluated = 0

    @override
    def verify(self, stored_hash: str | None, password: str) -> bool:
        self.verified += 1
        self.evaluated += stored_hash is not None
        return super().verify(stored_hash, password)

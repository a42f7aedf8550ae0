"""Passwords that cost next to nothing, for tests of what comes after."""

from __future__ import annotations

from argon2 import PasswordHasher

from latchkey.security.passwords import Passwords


class QuickPasswords(Passwords):
    """Argon2id as it is in production, but for its price: 8 KiB, once."""

    def __init__(self, *, time_cost: int = 1) -> None:
        super().__init__()
        self._hasher = PasswordHasher(time_cost=time_cost, memory_cost=8, parallelism=1)

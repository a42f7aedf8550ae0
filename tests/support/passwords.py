"""Passwords that cost nothing, for tests of what comes after."""

from __future__ import annotations

from typing import override

from latchkey.security.passwords import Passwords


class CheapPasswords(Passwords):
    """Keeps passwords in clear."""

    def __init__(self) -> None:
        super().__init__(min_length=1)

    @override
    def hash(self, password: str) -> str:
        return f"clear:{password}"

    @override
    def verify(self, stored_hash: str | None, password: str) -> bool:
        return stored_hash == f"clear:{password}"

    @override
    def needs_rehash(self, stored_hash: str) -> bool:
        return False

"""Idempotency keys: asking for something twice, and getting it once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A client's key for one request.

    digest       of the operation and the key that was sent
    fingerprint  of the request's body, so that a key that is used again for something else shows
    """

    digest: str
    fingerprint: str

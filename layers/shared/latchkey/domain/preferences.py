"""A person's preferences: a document whose keys the deployment defines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """One person's preferences: plain JSON, validated in the request.

    document  empty after a reset
    version   counts the changes, resets included; the ETag
    """

    document: dict[str, Any]
    updated_at: datetime
    version: int = 1

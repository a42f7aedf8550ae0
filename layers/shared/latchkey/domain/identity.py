"""A person at another issuer, whose tokens this service accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.ids import IdentityId


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One identity of an account.

    The email address is what the issuer says. It is shown and exported. It signs nobody in, gets no
    emails, and joins no accounts.

    subject      `sub` at the issuer
    signed_in_at the newest sign-in that was seen
    """

    id: IdentityId
    issuer: str
    subject: str
    first_seen_at: datetime
    signed_in_at: datetime
    email: str | None = None
    email_verified: bool = False
    name: str | None = None

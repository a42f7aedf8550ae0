"""Accounts as their owner and administrators see them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from latchkey.domain.account import PROFILE_FIELDS, AccountStatus
from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from latchkey.domain.account import Account
    from latchkey.domain.request import PublicUrls


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """An account."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    id: str
    email: str | None
    """Null for a person who signs in at another issuer."""
    username: str | None
    full_name: str | None
    display_name: str | None
    """The name that others see. The full name if it was not set."""
    avatar_url: str | None
    speaking_language: str | None
    """BCP 47, canonical."""
    listening_language: str | None
    """BCP 47, canonical."""
    age: int | None
    occupation: str | None
    location: str | None
    transactional_consent: bool
    marketing_consent: bool
    is_active: bool
    is_verified: bool
    role: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, account: Account, urls: PublicUrls) -> AccountView:
        """Return the view of an account. Fields that are not listed here are never sent."""
        profile = {name: getattr(account, name) for name in PROFILE_FIELDS}
        profile["display_name"] = account.shown_name
        return cls(
            **profile,
            id=account.id,
            email=account.email or None,
            avatar_url=urls.avatar_url(account.avatar_id),
            transactional_consent=account.transactional_consent,
            marketing_consent=account.marketing_consent,
            is_active=account.status is AccountStatus.ACTIVE,
            is_verified=account.is_verified,
            role=account.role.value,
            created_at=account.created_at,
            updated_at=account.updated_at,
        )

"""People as others see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latchkey.domain.account import Account
    from latchkey.domain.request import PublicUrls


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileView:
    """What others see of a person."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    id: str
    display_name: str | None
    """The full name if no display name was set."""
    avatar_url: str | None

    @classmethod
    def of(cls, account: Account, urls: PublicUrls) -> ProfileView:
        """Return the view of an account. Fields that are not listed here are never sent."""
        return cls(
            id=account.id,
            display_name=account.shown_name,
            avatar_url=urls.avatar_url(account.avatar_id),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileListView:
    """The profiles that were found."""

    profiles: list[ProfileView]

    @classmethod
    def of(cls, accounts: Sequence[Account], urls: PublicUrls) -> ProfileListView:
        """Return the view of these accounts."""
        return cls(profiles=[ProfileView.of(account, urls) for account in accounts])

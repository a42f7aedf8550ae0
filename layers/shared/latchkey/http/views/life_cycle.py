"""The status of an account after a change."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass
from latchkey.http.response import ok

if TYPE_CHECKING:
    from latchkey.domain.account import Account
    from latchkey.domain.erasure import DeletionDates
    from latchkey.http.response import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionView:
    """An account that was just deleted."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    deleted_at: datetime
    purge_at: datetime
    """When the account is erased. Until then an administrator can restore it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatusView:
    """The status of an account."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    id: str
    status: str
    """`active`, `suspended` or `deleted`."""
    role: str
    suspended_at: datetime | None
    deleted_at: datetime | None
    purge_at: datetime | None
    """When the account is erased."""

    @classmethod
    def of(cls, account: Account) -> AccountStatusView:
        """Return the view of an account's status."""
        return cls(
            id=account.id,
            status=account.status.value,
            role=account.role.value,
            suspended_at=account.suspended_at,
            deleted_at=account.deleted_at,
            purge_at=account.purge_at,
        )


def deleted(dates: DeletionDates) -> Response:
    """Return the response to a deletion."""
    return ok(
        DeletionView(deleted_at=dates.deleted_at, purge_at=dates.purge_at),
        message="Account deleted successfully.",
    )

"""What became of an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from latchkey.http.cookies import clear_refresh_cookie
from latchkey.http.response import ok

if TYPE_CHECKING:
    from latchkey.domain.account import Account
    from latchkey.domain.erasure import Ordered
    from latchkey.http.response import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionView:
    """An account that has just been deleted."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    deleted_at: datetime
    purge_at: datetime
    """When everything is erased; until then an administrator can restore the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingView:
    """The state that an account is in."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    id: str
    status: str
    """`active`, `suspended` or `deleted`."""
    role: str
    suspended_at: datetime | None
    deleted_at: datetime | None
    purge_at: datetime | None
    """When everything is erased."""

    @classmethod
    def of(cls, account: Account) -> StandingView:
        """Show an account's state to an administrator."""
        return cls(
            id=account.id,
            status=account.status.value,
            role=account.role.value,
            suspended_at=account.suspended_at,
            deleted_at=account.deleted_at,
            purge_at=account.purge_at,
        )


def deleted(ordered: Ordered, *, own: bool) -> Response:
    """Tell that an account is deleted; its owner's browser forgets the cookie."""
    return ok(
        DeletionView(deleted_at=ordered.deleted_at, purge_at=ordered.purge_at),
        message="Account deleted successfully.",
        cookies=(clear_refresh_cookie(),) if own else (),
    )

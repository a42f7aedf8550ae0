"""Accounts and sessions as administrators see them. Tokens and hashes are never included."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from latchkey.domain.account import Account
    from latchkey.domain.paging import Slice
    from latchkey.domain.session import Session
    from latchkey.flows.administration import Revocation


@dataclass(frozen=True, slots=True, kw_only=True)
class UserView:
    """An account in a list."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    id: str
    email: str | None
    """Null for a person who signs in at another issuer."""
    username: str | None
    full_name: str | None
    role: str
    status: str
    is_verified: bool
    created_at: datetime
    deleted_at: datetime | None
    purge_at: datetime | None
    """For a deleted account: when it is erased."""

    @classmethod
    def of(cls, account: Account) -> UserView:
        """Return the view of an account."""
        return cls(
            id=account.id,
            email=account.email or None,
            username=account.username,
            full_name=account.full_name,
            role=account.role.value,
            status=account.status.value,
            is_verified=account.is_verified,
            created_at=account.created_at,
            deleted_at=account.deleted_at,
            purge_at=account.purge_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserListView:
    """A page of accounts."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    users: list[UserView]
    next_cursor: str | None
    """The cursor of the next page, or null. A page may have fewer entries than `limit`."""

    @classmethod
    def of(cls, page: Slice[Account]) -> UserListView:
        """Return the view of a page."""
        return cls(users=[UserView.of(a) for a in page.entries], next_cursor=page.next_cursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSessionView:
    """A session of any account."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    id: str
    user_id: str
    device_name: str
    device_id: str
    device_type: str
    user_agent: str
    ip_address: str
    """The IP address at sign-in."""
    last_ip_address: str
    """The IP address at the last use, as accurate as `last_activity`."""
    country: str | None
    city: str | None
    login_method: str
    created_at: datetime
    last_activity: datetime
    expires_at: datetime
    ended_at: datetime | None
    end_reason: str | None

    @classmethod
    def of(cls, session: Session) -> FoundSessionView:
        """Return the view of a session."""
        place = session.location
        return cls(
            id=session.id,
            user_id=session.account_id,
            device_name=session.device.name,
            device_id=session.device_id,
            device_type=session.device.type,
            user_agent=session.user_agent,
            ip_address=session.ip_address,
            last_ip_address=session.present_use.ip_address,
            country=place.country if place else None,
            city=place.city if place else None,
            login_method=session.login_method.value,
            created_at=session.created_at,
            last_activity=session.last_activity_at,
            expires_at=session.expires_at,
            ended_at=session.ended_at,
            end_reason=session.end_reason.value if session.end_reason else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSessionListView:
    """A page of sessions of any account."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    sessions: list[FoundSessionView]
    next_cursor: str | None
    """The cursor of the next page, or null. A page may have fewer entries than `limit`."""

    @classmethod
    def of(cls, page: Slice[Session]) -> FoundSessionListView:
        """Return the view of a page."""
        views = [FoundSessionView.of(session) for session in page.entries]
        return cls(sessions=views, next_cursor=page.next_cursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationView:
    """Sessions that a revocation would end, or has ended."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    count: int
    sample: list[FoundSessionView]
    """A sample of the sessions. Empty unless this was a dry run."""
    confirmation: str | None
    """The confirmation to send within ten minutes. Null unless this was a dry run."""
    is_complete: bool
    """False if one request could not process all sessions. Send the request again."""

    @classmethod
    def of(cls, revocation: Revocation) -> RevocationView:
        """Return the view of a revocation."""
        return cls(
            count=revocation.count,
            sample=[FoundSessionView.of(session) for session in revocation.sample],
            confirmation=revocation.confirmation,
            is_complete=revocation.is_complete,
        )

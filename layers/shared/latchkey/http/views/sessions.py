"""Sessions as their owner sees them. Tokens and hashes are never included."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass
from latchkey.http.response import ok

if TYPE_CHECKING:
    from latchkey.domain.request import Caller, Location
    from latchkey.domain.session import Session
    from latchkey.http.response import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """What the device reported at sign-in. Unknown parts are null."""

    browser: str | None
    browser_version: str | None
    os: str | None
    os_version: str | None
    device: str | None
    device_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A signed-in device."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    id: str
    device_name: str
    device_info: DeviceInfo
    user_agent: str
    ip_address: str
    """The IP address at sign-in."""
    location: str | None
    """City and country code of `ip_address`, if known."""
    last_ip_address: str
    """The IP address at the last use, as accurate as `last_activity`."""
    last_location: str | None
    """City and country code of `last_ip_address`, if known."""
    login_method: str
    is_active: bool
    is_current: bool
    """Whether this is the session of the request."""
    created_at: datetime
    last_activity: datetime
    """Recorded at most once in five minutes, unless the deployment chose another interval."""
    expires_at: datetime
    """When the session ends, even if it is in use."""

    @classmethod
    def of(cls, session: Session, *, current_session_id: str) -> SessionView:
        """Return the view of an active session."""
        device, use = session.device, session.present_use
        return cls(
            id=session.id,
            device_name=device.name,
            device_info=DeviceInfo(
                browser=device.browser,
                browser_version=device.browser_version,
                os=device.os,
                os_version=device.os_version,
                device=device.model,
                device_type=device.type,
            ),
            user_agent=session.user_agent,
            ip_address=session.ip_address,
            location=_place(session.location),
            last_ip_address=use.ip_address,
            last_location=_place(use.location),
            login_method=session.login_method.value,
            is_active=session.ended_at is None,
            is_current=session.id == current_session_id,
            created_at=session.created_at,
            last_activity=session.last_activity_at,
            expires_at=session.expires_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedSessionView:
    """A sign-in that an email reported."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    device_name: str
    ip_address: str
    """The IP address at sign-in."""
    location: str | None
    """City and country code of the IP address, if known."""
    created_at: datetime
    is_active: bool
    """Whether the session is still signed in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """The sign-in that the emailed link belongs to."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    session: ReportedSessionView | None
    """Null if the session is no longer stored. The POST then signs out every device."""

    @classmethod
    def of(cls, session: Session | None) -> ReportView:
        """Return the view of a reported session."""
        if session is None:
            return cls(session=None)
        return cls(
            session=ReportedSessionView(
                device_name=session.device.name,
                ip_address=session.ip_address,
                location=_place(session.location),
                created_at=session.created_at,
                is_active=session.ended_at is None,
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionListView:
    """The caller's active sessions: the current one first, then by last use."""

    sessions: list[SessionView]
    total_count: int

    @classmethod
    def of(cls, sessions: list[Session], caller: Caller) -> SessionListView:
        """Return the view of the sessions, for one of them."""
        views = [SessionView.of(s, current_session_id=caller.session_id) for s in sessions]
        return cls(sessions=views, total_count=len(views))


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedSessionView:
    """A session that was just ended."""

    session_id: str
    device_name: str

    @classmethod
    def of(cls, session: Session) -> EndedSessionView:
        """Return the view of an ended session."""
        return cls(session_id=session.id, device_name=session.device.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedSessionsView:
    """The number of sessions that were ended."""

    terminated_count: int


def ended_sessions(count: int, *, scope: str) -> Response:
    """Return the response to a revocation."""
    message = "All sessions terminated successfully."
    if scope == "others":
        message = "All other sessions terminated successfully."
    return ok(EndedSessionsView(terminated_count=count), message=message)


def _place(location: Location | None) -> str | None:
    if location is None:
        return None
    return ", ".join(filter(None, (location.city, location.country))) or None

"""A session: one signed-in device, from its sign-in to its end."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from enum import StrEnum
from typing import TYPE_CHECKING

from latchkey.domain.errors import (
    SessionExpired,
    SessionIdleTimeout,
    SessionOfDeletedAccount,
    SessionOfSuspendedAccount,
    SessionRevoked,
)
from latchkey.domain.limits import LAST_ACTIVITY_IDLE_PARTS
from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from latchkey.domain.account import Role
    from latchkey.domain.audit import AuditSubject
    from latchkey.domain.ids import AccountId, DeviceId, IdentityId, SessionId
    from latchkey.domain.request import Location


class EndReason(StrEnum):
    """Why a session ended early. Values are stored and shown: add, never rename."""

    REVOKED = "revoked"
    LOGOUT = "logout"
    LIMIT = "limit"
    SUPERSEDED = "superseded"
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere"
    REVOKED_BY_ADMIN = "revoked_by_admin"
    ACCOUNT_DELETED = "account_deleted"
    ACCOUNT_SUSPENDED = "account_suspended"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason, not a secret
    PASSWORD_RESET = "password_reset"  # noqa: S105 - as above
    EMAIL_CHANGE_UNDONE = "email_change_undone"
    DISOWNED = "disowned"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105 - a reason, not a secret


def refusal_of(reason: EndReason | None) -> SessionRevoked:
    """Return the error for a session that ended for this reason."""
    return _REFUSALS.get(reason, SessionRevoked)(reason=reason)


def least_recently_used(sessions: Iterable[Session], *, keep: int) -> list[Session]:
    """Return the sessions to end so that only this many remain."""
    found = sorted(sessions, key=lambda session: session.last_activity_at)
    return found[: max(0, len(found) - keep)]


_REFUSALS: dict[EndReason | None, type[SessionRevoked]] = {
    EndReason.ACCOUNT_DELETED: SessionOfDeletedAccount,
    EndReason.ACCOUNT_SUSPENDED: SessionOfSuspendedAccount,
}
"""The errors for sessions that ended with their account."""


class LoginMethod(StrEnum):
    """The method of authentication."""

    PASSWORD = "password"  # noqa: S105 - the name of a method, not a secret
    EXTERNAL = "external"
    """At another issuer, whose tokens are accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """The description of a device, made at sign-in. None is unknown."""

    name: str
    browser: str | None = None
    browser_version: str | None = None
    os: str | None = None
    os_version: str | None = None
    model: str | None = None
    type: str = "unknown"
    """desktop, mobile, tablet, bot or unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """The use of a session: network, location and client.

    client  a digest of the user agent without its version numbers; empty if none was sent
    """

    ip_address: str
    client: str = ""
    location: Location | None = None

    @classmethod
    def at(cls, ip_address: str, user_agent: str, location: Location | None) -> Use:
        """Describe a use. Updates of the browser or the system do not change the client."""
        name = _VERSION_NUMBERS.sub("", user_agent).lower()
        client = hashlib.sha256(name.encode()).hexdigest()[:_CLIENT_CHARACTERS] if name else ""
        return cls(ip_address=ip_address, client=client, location=location)

    def is_elsewhere(self, other: Use) -> bool:
        """Return whether both the network and the client differ.

        One alone is normal: phones change networks all day.
        """
        return self.client != other.client and _network(self.ip_address) != _network(
            other.ip_address
        )


_VERSION_NUMBERS = re.compile(r"[0-9][0-9._]*")
_CLIENT_CHARACTERS = 16
_PROVIDER_BITS = {4: 16, 6: 32}
"""The network of an IP address. A new lease of the same provider is usually in it."""


def _network(address: str) -> str:
    try:
        version = ipaddress.ip_address(address).version
        return str(ipaddress.ip_network(f"{address}/{_PROVIDER_BITS[version]}", strict=False))
    except ValueError:
        return address


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One sign-in on one device.

    generation       counts the refresh token's rotations; the access token carries it
    used_generation  the newest generation of which a token was used
    secret           the key of this session's refresh tokens
    expires_at       the absolute timeout; the idle one follows from last_activity_at
    audit            of the account, so that ending a session needs no second read

    authenticated_at    the sign-in; the `auth_time` of every token that a refresh issues
    reauthenticated_at  the last step-up. Only the token that the step-up returned has it; a refresh
                        does not pass it on
    last_use            the last use; None until the first use after the sign-in
    told_elsewhere_at   the last email about use of the session elsewhere
    issuer, identity_id  where the person signed in, if that was at another issuer. Such a session
                        has no refresh tokens: the issuer's tokens name it
    """

    id: SessionId
    account_id: AccountId
    audit: AuditSubject
    role: Role
    device: Device
    device_id: DeviceId
    user_agent: str
    ip_address: str
    login_method: LoginMethod
    created_at: datetime
    authenticated_at: datetime
    last_activity_at: datetime
    expires_at: datetime
    secret: bytes
    reauthenticated_at: datetime | None = None
    location: Location | None = None
    generation: int = 1
    used_generation: int = 0
    rotated_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    last_use: Use | None = None
    told_elsewhere_at: datetime | None = None
    issuer: str | None = None
    identity_id: IdentityId | None = None

    @property
    def present_use(self) -> Use:
        """The last use, or the sign-in."""
        return self.last_use or Use.at(self.ip_address, self.user_agent, self.location)

    def is_active(self, now: datetime, idle_timeout: timedelta) -> bool:
        """Return whether the session is valid at this time."""
        try:
            self.require_active(now, idle_timeout)
        except (SessionRevoked, SessionExpired, SessionIdleTimeout):
            return False
        return True

    def require_active(self, now: datetime, idle_timeout: timedelta) -> None:
        """Raise SessionRevoked, SessionExpired or SessionIdleTimeout unless the session is valid.

        A session that ended with its account raises a subclass, such as `SessionOfDeletedAccount`.

        Only this method decides. The TTL of storage only cleans up.
        """
        if self.ended_at is not None:
            raise refusal_of(self.end_reason)
        if now >= self.expires_at:
            raise SessionExpired
        if now >= self.last_activity_at + idle_timeout:
            raise SessionIdleTimeout

    @property
    def proven_at(self) -> datetime:
        """The time of the last authentication: the sign-in or a step-up."""
        return self.reauthenticated_at or self.authenticated_at

    def is_touch_due(self, now: datetime, generation: int, interval: timedelta) -> bool:
        """Return whether to store this use: the last one is older, or the generation is new."""
        return now - self.last_activity_at >= interval or generation > self.used_generation


def touch_interval(configured: timedelta, idle_timeout: timedelta) -> timedelta:
    """Return how often to store the use of a session, so that no session in use times out."""
    return min(configured, idle_timeout / LAST_ACTIVITY_IDLE_PARTS)

"""What flows know of a request: the caller, its origin and its time. No HTTP."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from latchkey.domain.ids import DeviceId, new_id
from latchkey.domain.limits import AUDIT_COUNTED_NETWORK_BITS
from latchkey.domain.values import dataclass, replace

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.account import Role
    from latchkey.domain.ids import AccountId, AvatarId, SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A location from the edge or a database. Any part may be unknown."""

    city: str | None = None
    region: str | None = None
    country: str | None = None
    """ISO 3166-1 alpha-2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """One request. `now` is read once, so that everything in it happens at one instant.

    client_hints  the `Sec-CH-UA-*` headers that were sent, names in lower case
    location      of the IP address, if the edge is trusted
    device_id     the id of a known device, or None
    reason        why an administrator acts, in their own words; kept sealed in the audit row
    """

    request_id: str
    now: datetime
    ip_address: str
    user_agent: str = ""
    client_hints: dict[str, str] | None = None
    location: Location | None = None
    device_id: DeviceId | None = None
    reason: str | None = None

    def from_device(self, device_id: DeviceId | None) -> RequestContext:
        """Use the device id of a native app. Browsers have it in a cookie."""
        return self if device_id is None else replace(self, device_id=device_id)

    def with_device(self) -> RequestContext:
        """Return the context of the same device, with a new id if it has none."""
        return self if self.device_id else replace(self, device_id=DeviceId(self.new_id("dev")))

    def new_id(self, prefix: str) -> str:
        """Create an id with the time of this request."""
        return new_id(prefix, self.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The authenticated caller, as the authorizer read it for this request.

    audit_subject  their pseudonym in the audit trail
    device_name    the name of the caller's device
    origin         the IP address and the device of the request, sealed with the audit key of the
                   account, in base 64, for the log
    """

    account_id: AccountId
    session_id: SessionId
    authenticated_at: datetime
    role: Role
    audit_subject: str = ""
    device_name: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicUrls:
    """The URLs that browsers use for this deployment.

    public_url       the origin of the service; empty: the origin of its CloudFront
    allowed_origins  further origins whose pages may use the cookie routes
    media_url        where avatars are served; empty: on the origin of the API
    """

    public_url: str
    allowed_origins: frozenset[str]
    media_url: str

    def allow(self, origin: str | None, *, edge_origin: str | None) -> bool:
        """Return whether pages of this origin may use the cookie routes."""
        own = self.public_url or edge_origin
        return origin in self.allowed_origins or (bool(own) and origin == own)

    def avatar_url(self, avatar_id: AvatarId | None) -> str | None:
        """Return the URL of an avatar. Each avatar has its own, so any cache may keep it."""
        return None if avatar_id is None else f"{self.media_url}/media/avatars/{avatar_id}.webp"


def network_for_log(address: str) -> str | None:
    """Return the network of an IP address, too wide for one client. None for another text."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    bits = AUDIT_COUNTED_NETWORK_BITS[parsed.version]
    return ipaddress.ip_network((parsed, bits), strict=False).compressed

"""The two cookies: the browser's refresh token, and the id of its device.

Nothing else sets, clears or reads a cookie. `__Host-` binds them to this host, Secure and Path=/
(RFC 6265bis 4.1.3.2); scripts can't read them, and requests of other sites don't carry them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.values import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latchkey.domain.ids import DeviceId
    from latchkey.domain.session import Session
    from latchkey.http.response import Response

_REFRESH = "__Host-latchkey_refresh"
_DEVICE = "__Host-latchkey_device"

_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict"
_DEVICE_MAX_AGE_SECONDS = 400 * 24 * 3600
"""The longest that browsers keep any cookie. Source: RFC 6265bis 5.6.2."""


def refresh_token_of(cookies: Mapping[str, str]) -> str | None:
    """Read the refresh token."""
    return cookies.get(_REFRESH)


def device_id_of(cookies: Mapping[str, str]) -> str | None:
    """Read the device id."""
    return cookies.get(_DEVICE)


def set_refresh_token(response: Response, token: str, session: Session) -> Response:
    """Store the refresh token in the browser until the session's absolute timeout."""
    max_age = int((session.expires_at - session.last_activity_at).total_seconds())
    return _with_cookie(response, f"{_REFRESH}={token}; Max-Age={max_age}; {_ATTRIBUTES}")


def clear_refresh_token(response: Response) -> Response:
    """Remove the refresh token from the browser. It needs the attributes it was set with."""
    return _with_cookie(response, f"{_REFRESH}=; Max-Age=0; {_ATTRIBUTES}")


def set_device_id(response: Response, device_id: DeviceId) -> Response:
    """Store the device id, so that the browser's next sign-in is from a known device."""
    cookie = f"{_DEVICE}={device_id}; Max-Age={_DEVICE_MAX_AGE_SECONDS}; {_ATTRIBUTES}"
    return _with_cookie(response, cookie)


def _with_cookie(response: Response, cookie: str) -> Response:
    return replace(response, cookies=(*response.cookies, cookie))

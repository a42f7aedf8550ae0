"""The two cookies: where browsers keep the refresh token, and by which they know their device.

`__Host-` binds them to this host, Secure and Path=/ (RFC 6265bis 4.1.3.2); scripts can't read
them, and other sites' requests don't carry them.
"""

from __future__ import annotations

REFRESH_COOKIE = "__Host-latchkey_refresh"
DEVICE_COOKIE = "__Host-latchkey_device"

_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict"
_DEVICE_MAX_AGE_SECONDS = 400 * 24 * 3600
"""The longest that browsers keep any cookie. Source: RFC 6265bis 5.6.2."""


def refresh_cookie(token: str, *, max_age_seconds: int) -> str:
    """Hand the refresh token to a browser, until the session's absolute timeout."""
    return f"{REFRESH_COOKIE}={token}; Max-Age={max_age_seconds}; {_ATTRIBUTES}"


def clear_refresh_cookie() -> str:
    """Take it back, with the same attributes, as a browser demands."""
    return f"{REFRESH_COOKIE}=; Max-Age=0; {_ATTRIBUTES}"


def device_cookie(device_id: str) -> str:
    """Let the browser's next sign-in be recognised as the same device's."""
    return f"{DEVICE_COOKIE}={device_id}; Max-Age={_DEVICE_MAX_AGE_SECONDS}; {_ATTRIBUTES}"

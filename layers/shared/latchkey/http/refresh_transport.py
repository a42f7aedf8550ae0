"""How a refresh token is transported: in the body, or in a cookie of an allowed origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey import bootstrap
from latchkey.domain.errors import OriginNotAllowed, RefreshTokenInvalid
from latchkey.http.cookies import REFRESH_COOKIE

if TYPE_CHECKING:
    from latchkey.http.bodies.auth import RefreshBody
    from latchkey.http.request import Request


def presented_refresh_token(request: Request[RefreshBody], body: RefreshBody) -> tuple[str, str]:
    """Return the token and the way that it came, "body" or "cookie".

    Raises RefreshTokenInvalid when there is none, OriginNotAllowed for a cookie that another
    site's page made the browser send.
    """
    if body.refresh_token is not None:
        return body.refresh_token, "body"
    if REFRESH_COOKIE not in request.cookies:
        raise RefreshTokenInvalid(reason="missing")
    _require_own_origin(request)
    return request.cookies[REFRESH_COOKIE], "cookie"


def require_origin_of_transport(request: Request[Any], transport: str) -> None:
    """Raise OriginNotAllowed if a page of another site asks for a refresh cookie."""
    if transport == "cookie":
        _require_own_origin(request)


def _require_own_origin(request: Request[Any]) -> None:
    # Browsers send Origin with every POST and no page can change it (Fetch 3.2), so its absence
    # is a refusal too. SameSite=Strict is the other lock on this door.
    config = bootstrap.services().config
    own = config.public_url or request.edge_origin
    allowed = config.allowed_origins | ({own} if own else set())
    if request.headers.get("origin") not in allowed:
        raise OriginNotAllowed

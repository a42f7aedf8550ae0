"""How tokens travel: in the body, or in the cookies of an allowed origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.domain.errors import OriginNotAllowed, RefreshTokenInvalid
from latchkey.http.cookies import refresh_token_of, set_device_id, set_refresh_token
from latchkey.http.response import Response
from latchkey.http.views.auth import RefreshedView, TokensView
from latchkey.security.client_hints import ACCEPT_CH

if TYPE_CHECKING:
    from latchkey.domain.request import PublicUrls, RequestContext
    from latchkey.flows.refreshing import Refreshed
    from latchkey.flows.sign_in import SignedIn
    from latchkey.http.bodies.auth import LoginBody
    from latchkey.http.bodies.plain import PresentedToken
    from latchkey.http.bodies.registration import RegisterBody
    from latchkey.http.request import Request

COOKIE = "cookie"
"""Puts the refresh token into an HttpOnly cookie, which scripts can't read."""


def presented_refresh_token(request: Request[PresentedToken], urls: PublicUrls) -> tuple[str, str]:
    """Return the refresh token and its transport, "body" or "cookie".

    Raises RefreshTokenInvalid without a token, and OriginNotAllowed for a cookie from another
    origin.
    """
    if request.body.refresh_token is not None:
        return request.body.refresh_token, "body"
    token = refresh_token_of(request.cookies)
    if token is None:
        raise RefreshTokenInvalid(reason="missing")
    _require_allowed_origin(request, urls)
    return token, COOKIE


def require_origin_of_transport(
    request: Request[LoginBody] | Request[RegisterBody], urls: PublicUrls
) -> None:
    """Raise OriginNotAllowed if another origin asks for a refresh cookie."""
    if request.body.token_transport == COOKIE:
        _require_allowed_origin(request, urls)


def tokens(signed_in: SignedIn, urls: PublicUrls, *, transport: str, status: int = 200) -> Response:
    """Return the response to a sign-in, with the refresh token in the body or in a cookie."""
    view = TokensView.of(signed_in, urls, in_cookie=transport == COOKIE)
    response = Response(status=status, data=view, headers={"accept-ch": ACCEPT_CH})
    if transport != COOKIE:
        return response
    response = set_refresh_token(response, signed_in.refresh_token, signed_in.session)
    return set_device_id(response, signed_in.session.device_id)


def remember_device(response: Response, context: RequestContext, *, transport: str) -> Response:
    """Store the device id of a person who is not signed in yet, if cookies are the transport."""
    if transport != COOKIE or context.device_id is None:
        return response
    return set_device_id(response, context.device_id)


def refreshed(pair: Refreshed, *, transport: str) -> Response:
    """Return the response to a refresh. The next token uses the transport of the last one."""
    response = Response(data=RefreshedView.of(pair, in_cookie=transport == COOKIE))
    if transport != COOKIE:
        return response
    return set_refresh_token(response, pair.refresh_token, pair.session)


def _require_allowed_origin(request: Request[Any], urls: PublicUrls) -> None:
    # Browsers send Origin with every POST and pages can't change it (Fetch 3.2). A request without
    # it is refused too. SameSite=Strict is the second defence.
    if not urls.allow(request.headers.get("origin"), edge_origin=request.edge_origin):
        raise OriginNotAllowed

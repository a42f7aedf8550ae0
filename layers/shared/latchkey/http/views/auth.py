"""What a sign-in answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from latchkey.http.cookies import device_cookie, refresh_cookie
from latchkey.http.response import Response
from latchkey.http.views.accounts import AccountView
from latchkey.http.views.sessions import SessionView

if TYPE_CHECKING:
    from latchkey.flows.sign_in import SignedIn

COOKIE = "cookie"
"""The value of `token_transport` that keeps the refresh token out of scripts' reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensView:
    """A session that has just started or been refreshed, and how to use it."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    access_token: str
    token_type: str
    expires_in: int
    """Seconds that the access token is good for."""
    refresh_token: str | None
    """Null with `token_transport: cookie`: it is in an HttpOnly cookie then."""
    session: SessionView
    user: AccountView


def tokens(signed_in: SignedIn, *, transport: str, status: int = 200) -> Response:
    """Hand a device its tokens; the refresh token in the body, or in a cookie of its own."""
    session = signed_in.session
    lifetime = session.expires_at - session.last_activity_at
    in_cookie = transport == COOKIE
    cookies = (
        refresh_cookie(signed_in.refresh_token, max_age_seconds=int(lifetime.total_seconds())),
        device_cookie(session.device_id),
    )
    view = TokensView(
        access_token=signed_in.access_token,
        token_type="Bearer",  # noqa: S106 - RFC 6750's name, not a secret
        expires_in=int(signed_in.access_token_lifetime.total_seconds()),
        refresh_token=None if in_cookie else signed_in.refresh_token,
        session=SessionView.of(session, current_session_id=session.id),
        user=AccountView.of(signed_in.account),
    )
    return Response(status=status, data=view, cookies=cookies if in_cookie else ())

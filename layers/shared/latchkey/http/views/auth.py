"""Responses of sign-in, refresh and step-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from latchkey.http.cookies import device_cookie, refresh_cookie
from latchkey.http.response import Response
from latchkey.http.views.accounts import AccountView
from latchkey.http.views.sessions import SessionView
from latchkey.security.client_hints import ACCEPT_CH

if TYPE_CHECKING:
    from latchkey.domain.session import Session
    from latchkey.flows.reauthentication import Reauthenticated
    from latchkey.flows.refreshing import Refreshed
    from latchkey.flows.sign_in import SignedIn

BEARER = "Bearer"
"""Token type. Source: RFC 6750."""

COOKIE = "cookie"
"""Puts the refresh token into an HttpOnly cookie, which scripts can't read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensView:
    """A session that was started or refreshed, and its tokens."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    access_token: str
    token_type: str
    expires_in: int
    """Lifetime of the access token in seconds."""
    refresh_token: str | None
    """Null with `token_transport: cookie`. The token is in an HttpOnly cookie then."""
    device_id: str
    """For native apps: store it and send it with the next sign-in to be recognized as this device.
    Browsers have it in a cookie.
    """
    session: SessionView
    user: AccountView


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshedView:
    """The next token pair."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    access_token: str
    token_type: str
    expires_in: int
    """Lifetime of the access token in seconds."""
    refresh_token: str | None
    """Null if the request had its token in a cookie. The next one is in a cookie too."""
    session: SessionView


@dataclass(frozen=True, slots=True, kw_only=True)
class ReauthenticatedView:
    """An access token for operations that require a recent authentication."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    access_token: str
    token_type: str
    expires_in: int
    """Lifetime of the access token in seconds."""

    @classmethod
    def of(cls, fresh: Reauthenticated) -> ReauthenticatedView:
        """Return the view of a step-up."""
        return cls(
            access_token=fresh.access_token,
            token_type=BEARER,
            expires_in=int(fresh.access_token_lifetime.total_seconds()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDeviceView:
    """A device that is known from now on."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 - for the contract

    device_id: str
    """For native apps: store it and send it with the next sign-in. Browsers have it in a cookie."""


def known_device(device_id: str) -> Response:
    """Return the response to a password reset, with the id of the known device."""
    return Response(
        status=202,
        data=KnownDeviceView(device_id=device_id),
        message="The password is changed. Sign in with it.",
        cookies=(device_cookie(device_id),),
    )


def refreshed(pair: Refreshed, *, transport: str) -> Response:
    """Return the next token pair, in the transport of the last one."""
    in_cookie = transport == COOKIE
    view = RefreshedView(
        access_token=pair.access_token,
        token_type=BEARER,
        expires_in=int(pair.access_token_lifetime.total_seconds()),
        refresh_token=None if in_cookie else pair.refresh_token,
        session=SessionView.of(pair.session, current_session_id=pair.session.id),
    )
    cookie = refresh_cookie(
        pair.refresh_token,
        max_age_seconds=_lifetime_seconds(pair.session),
    )
    return Response(data=view, cookies=(cookie,) if in_cookie else ())


def _lifetime_seconds(session: Session) -> int:
    return int((session.expires_at - session.last_activity_at).total_seconds())


def tokens(signed_in: SignedIn, *, transport: str, status: int = 200) -> Response:
    """Return the tokens of a new session, the refresh token in the body or in a cookie."""
    session = signed_in.session
    in_cookie = transport == COOKIE
    cookies = (
        refresh_cookie(signed_in.refresh_token, max_age_seconds=_lifetime_seconds(session)),
        device_cookie(session.device_id),
    )
    view = TokensView(
        access_token=signed_in.access_token,
        token_type=BEARER,
        expires_in=int(signed_in.access_token_lifetime.total_seconds()),
        refresh_token=None if in_cookie else signed_in.refresh_token,
        device_id=session.device_id,
        session=SessionView.of(session, current_session_id=session.id),
        user=AccountView.of(signed_in.account),
    )
    return Response(
        status=status,
        data=view,
        headers={"accept-ch": ACCEPT_CH},
        cookies=cookies if in_cookie else (),
    )

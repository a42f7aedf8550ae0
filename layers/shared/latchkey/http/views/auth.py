"""Responses of sign-in, refresh and step-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass
from latchkey.http.views.accounts import AccountView
from latchkey.http.views.sessions import SessionView

if TYPE_CHECKING:
    from latchkey.domain.request import PublicUrls
    from latchkey.flows.reauthentication import Reauthenticated
    from latchkey.flows.refreshing import Refreshed
    from latchkey.flows.sign_in import SignedIn

BEARER = "Bearer"
"""Token type. Source: RFC 6750."""


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

    @classmethod
    def of(cls, signed_in: SignedIn, urls: PublicUrls, *, in_cookie: bool) -> TokensView:
        """Show a new session to its device. `in_cookie`: the refresh token is in a cookie."""
        session = signed_in.session
        return cls(
            access_token=signed_in.access_token,
            token_type=BEARER,
            expires_in=int(signed_in.access_token_lifetime.total_seconds()),
            refresh_token=None if in_cookie else signed_in.refresh_token,
            device_id=session.device_id,
            session=SessionView.of(session, current_session_id=session.id),
            user=AccountView.of(signed_in.account, urls),
        )


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

    @classmethod
    def of(cls, pair: Refreshed, *, in_cookie: bool) -> RefreshedView:
        """Show the next tokens to their device. `in_cookie`: the refresh token is in a cookie."""
        return cls(
            access_token=pair.access_token,
            token_type=BEARER,
            expires_in=int(pair.access_token_lifetime.total_seconds()),
            refresh_token=None if in_cookie else pair.refresh_token,
            session=SessionView.of(pair.session, current_session_id=pair.session.id),
        )


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

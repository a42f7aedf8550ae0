"""What an introspection returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from latchkey.flows.introspection import ActiveToken


@dataclass(frozen=True, slots=True, kw_only=True)
class IntrospectionView:
    """Whether a token is accepted now (RFC 7662). An inactive token has only `active`."""

    active: bool
    iss: str | None = None
    sub: str | None = None
    """The account."""
    aud: str | None = None
    exp: int | None = None
    iat: int | None = None
    sid: str | None = None
    """The session."""
    auth_time: int | None = None
    """When the person last authenticated in this session, in seconds since 1970."""
    role: str | None = None


def introspection(token: ActiveToken | None) -> dict[str, Any]:
    """Describe an active token, or say that it is not active, and nothing else about it."""
    if token is None:
        return {"active": False}
    return {
        "active": True,
        "iss": token.issuer,
        "sub": token.caller.account_id,
        "aud": token.audience,
        "exp": token.expires_at,
        "iat": token.issued_at,
        "sid": token.caller.session_id,
        "auth_time": int(token.caller.authenticated_at.timestamp()),
        "role": token.caller.role.value,
    }

"""Introspection: tells backends elsewhere whether an access token is accepted now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import NotAuthenticated
from latchkey.domain.values import dataclass
from latchkey.security.token_times import read_times

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.request import Caller
    from latchkey.flows.authorization import Authorization


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveToken:
    """A token that is accepted. Times are seconds since 1970."""

    caller: Caller
    issuer: str
    audience: str
    issued_at: int
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Introspection:
    """The flow and its parts."""

    authorization: Authorization
    issuer: str
    audience: str

    def introspect(self, token: str, now: datetime, *, request_id: str) -> ActiveToken | None:
        """Decide as the authorizer does, with the same read. None for a token that is refused.

        It counts as a use of the session, from an unknown place: the request comes from a backend.

        Raises TemporarilyUnavailable if storage does not respond.
        """
        try:
            caller = self.authorization.authorize(
                f"Bearer {token}", now, None, request_id=request_id
            )
        except NotAuthenticated:
            return None
        issued_at, expires_at = read_times(token)
        return ActiveToken(
            caller=caller,
            issuer=self.issuer,
            audience=self.audience,
            issued_at=issued_at,
            expires_at=expires_at,
        )

"""Between the authorizer and the endpoints: who is asking, or the typed reason why nobody is.

The authorizer of our own API lets every request pass and says in the context what it found; the
`endpoint` wrapper answers the 401, in the envelope, which API Gateway could not. A request that
reaches an endpoint without the authorizer's word counts as unauthenticated.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from latchkey.domain import errors
from latchkey.domain.account import Role
from latchkey.domain.ids import is_id
from latchkey.domain.limits import (
    RECENT_AUTHENTICATION_SECONDS,
    UNAVAILABLE_RETRY_AFTER_SECONDS,
)
from latchkey.domain.request import Caller

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latchkey.http.request import Event

_ENDED = (
    errors.SessionRevoked,
    errors.SessionOfDeletedAccount,
    errors.SessionOfSuspendedAccount,
    errors.SessionExpired,
    errors.SessionIdleTimeout,
)
_REFUSALS: dict[str, type[errors.NotAuthenticated]] = {
    kind.code: kind
    for kind in (errors.TokenMissing, errors.TokenInvalid, errors.TokenExpired, *_ENDED)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerRule:
    """Who may call an endpoint.

    authorizer   whether the route has the authorizer; the template must agree
    ended_too    a session that has ended is good enough: for what may be done twice
    recently     the person must have proven who they are within RECENT_AUTHENTICATION_SECONDS
    recently_for_others  the same, but only of an administrator who changes somebody else's account
    admin        the person must be an administrator
    owner        the path parameter that names an account: the person's own, unless they are an
                 administrator
    """

    authorizer: bool
    ended_too: bool = False
    recently: bool = False
    recently_for_others: bool = False
    admin: bool = False
    owner: str | None = None

    @property
    def refusals(self) -> tuple[type[errors.DomainError], ...]:
        """Every error with which such an endpoint turns a request away."""
        if not self.authorizer:
            return ()
        # SessionRevoked stays even so: of a session that is forgotten there is no caller to pass.
        tolerated = {*_ENDED} - {errors.SessionRevoked} if self.ended_too else set()
        return (
            *(kind for kind in _REFUSALS.values() if kind not in tolerated),
            *((errors.AdministratorsOnly,) if self.admin else ()),
            *((errors.AccountNotFound,) if self.owner else ()),
            *((errors.ReauthenticationRequired,) if self._may_ask_again else ()),
        )

    def require(self, caller: Caller, now: datetime, path: Mapping[str, str]) -> None:
        """Raise unless the caller will do.

        Raises AdministratorsOnly, ReauthenticationRequired, and AccountNotFound for somebody
        else's account: the same answer as for one that never was.
        """
        if self.admin and caller.role is not Role.ADMIN:
            raise errors.AdministratorsOnly
        named = caller.account_id
        if self.owner is not None:
            named = path.get(self.owner, caller.account_id)
            may = caller.role is Role.ADMIN or named == caller.account_id
            if not may or not is_id("usr", named):
                raise errors.AccountNotFound
        recently = self.recently or (self.recently_for_others and named != caller.account_id)
        age = now - caller.authenticated_at
        if recently and age > timedelta(seconds=RECENT_AUTHENTICATION_SECONDS):
            raise errors.ReauthenticationRequired

    @property
    def _may_ask_again(self) -> bool:
        return self.recently or self.recently_for_others


def public() -> CallerRule:
    """Anybody; the request has no caller."""
    return CallerRule(authorizer=False)


def signed_in(*, recently: bool = False, ended_too: bool = False) -> CallerRule:
    """Somebody who is signed in."""
    return CallerRule(authorizer=True, recently=recently, ended_too=ended_too)


def admin(*, recently: bool = False, owner: str | None = None) -> CallerRule:
    """An administrator; their role is read from their session on every request.

    owner  the path parameter that names the account that it is about
    """
    return CallerRule(authorizer=True, recently=recently, admin=True, owner=owner)


def self_or_admin(
    owner: str, *, recently: bool = False, recently_for_others: bool = False
) -> CallerRule:
    """The person whose account the path parameter `owner` names, or an administrator.

    On a route without that parameter (`/users/me/…`) it is about the caller's own account.

    recently_for_others  an administrator must have authenticated recently to change somebody else
    """
    return CallerRule(
        authorizer=True,
        recently=recently,
        recently_for_others=recently_for_others,
        owner=owner,
    )


def allow(caller: Caller) -> Event:
    """Write the authorizer's answer for an authenticated request (simple response)."""
    return {"isAuthorized": True, "context": _context(caller)}


def refuse(error: errors.DomainError, *, typed: bool) -> Event:
    """Write the authorizer's answer for any other request.

    typed  for our own API: passed on with its reason, for the wrapper to answer. To any other
           API the answer is no, and nothing more.
    """
    if not typed:
        return {"isAuthorized": False, "context": {}}
    caller = error.data.get("caller")
    known = _context(caller) if isinstance(caller, Caller) else {}
    return {"isAuthorized": True, "context": {**known, "auth_error": error.code}}


def authenticate(event: Event, rule: CallerRule) -> Caller:
    """Read the authorizer's word.

    Raises the NotAuthenticated that it names, TokenMissing when there is no word at all, and
    TemporarilyUnavailable when it could not find out.
    """
    context: dict[str, Any] = event["requestContext"].get("authorizer", {}).get("lambda") or {}
    reason = context.get("auth_error")
    if reason is not None:
        refusal = _REFUSALS.get(reason)
        if refusal is None:
            raise errors.TemporarilyUnavailable(
                retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS, reason=reason
            )
        if not (rule.ended_too and refusal in _ENDED and "session_id" in context):
            raise refusal
    try:
        return Caller(
            account_id=context["account_id"],
            session_id=context["session_id"],
            authenticated_at=datetime.fromtimestamp(int(context["auth_time"]), UTC),
            role=Role(context["role"]),
            audit_subject=context.get("audit_subject", ""),
            device_name=context.get("device_name", ""),
            origin=context.get("origin", ""),
        )
    except KeyError:
        raise errors.TokenMissing from None


def _context(caller: Caller) -> dict[str, str]:
    return {
        "account_id": caller.account_id,
        "session_id": caller.session_id,
        "auth_time": str(int(caller.authenticated_at.timestamp())),
        "role": caller.role.value,
        "audit_subject": caller.audit_subject,
        "device_name": caller.device_name,
        "origin": caller.origin,
    }

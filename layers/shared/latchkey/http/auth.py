"""Passes the caller, or the reason why there is none, from the authorizer to the endpoints.

The authorizer of this API allows every request and puts its result into the context. The `endpoint`
wrapper returns the 401 in the envelope, which API Gateway can't. A request without the authorizer's
context counts as unauthenticated.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from latchkey.domain import errors
from latchkey.domain.account import Role
from latchkey.domain.ids import AccountId, is_id
from latchkey.domain.limits import (
    RECENT_AUTHENTICATION_SECONDS,
    UNAVAILABLE_RETRY_AFTER_SECONDS,
)
from latchkey.domain.request import Caller
from latchkey.domain.values import dataclass

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
    signed       API Gateway verifies the signature of a role of AWS; the template must agree
    ended_allowed  a session that has ended is accepted, for operations that may be repeated
    recently     the caller must have authenticated within RECENT_AUTHENTICATION_SECONDS
    recently_for_others  the same, only for administrators who change another account
    admin        the caller must be an administrator
    owner        the path parameter with an account id: the caller's own, unless the caller is an
                 administrator
    """

    authorizer: bool
    signed: bool = False
    ended_allowed: bool = False
    recently: bool = False
    recently_for_others: bool = False
    admin: bool = False
    owner: str | None = None

    @property
    def refusals(self) -> tuple[type[errors.DomainError], ...]:
        """Every error that this rule can raise."""
        if self.signed:
            return (errors.SignatureRequired,)
        if not self.authorizer:
            return ()
        # SessionRevoked stays: without a stored session there is no caller to pass.
        tolerated = {*_ENDED} - {errors.SessionRevoked} if self.ended_allowed else set()
        return (
            *(kind for kind in _REFUSALS.values() if kind not in tolerated),
            *((errors.AdministratorsOnly,) if self.admin else ()),
            *((errors.AccountNotFound,) if self.owner else ()),
            *((errors.ReauthenticationRequired,) if self._may_require_recent else ()),
        )

    def require(self, caller: Caller, now: datetime, path: Mapping[str, str]) -> None:
        """Raise unless the caller is allowed.

        Raises AdministratorsOnly, ReauthenticationRequired, and AccountNotFound for another
        person's account, as for an unknown one.
        """
        if self.admin and caller.role is not Role.ADMIN:
            raise errors.AdministratorsOnly
        account_id = caller.account_id
        if self.owner is not None:
            account_id = AccountId(path.get(self.owner, caller.account_id))
            is_allowed = caller.role is Role.ADMIN or account_id == caller.account_id
            if not is_allowed or not is_id("usr", account_id):
                raise errors.AccountNotFound
        recently = self.recently or (self.recently_for_others and account_id != caller.account_id)
        age = now - caller.authenticated_at
        if recently and age > timedelta(seconds=RECENT_AUTHENTICATION_SECONDS):
            raise errors.ReauthenticationRequired

    @property
    def _may_require_recent(self) -> bool:
        return self.recently or self.recently_for_others


def public() -> CallerRule:
    """Anybody. The request has no caller."""
    return CallerRule(authorizer=False)


def signed() -> CallerRule:
    """A role of AWS whose policies allow it to invoke the route. API Gateway checks both.

    Such a request can't come through the edge, which would change what was signed.
    """
    return CallerRule(authorizer=False, signed=True)


def require_signature(event: Event) -> None:
    """Raise SignatureRequired if API Gateway did not verify a signature: the route is wrong."""
    iam = event["requestContext"].get("authorizer", {}).get("iam") or {}
    if not iam.get("userArn"):
        raise errors.SignatureRequired


def signed_in(*, recently: bool = False, ended_allowed: bool = False) -> CallerRule:
    """An authenticated caller."""
    return CallerRule(authorizer=True, recently=recently, ended_allowed=ended_allowed)


def admin(*, recently: bool = False, owner: str | None = None) -> CallerRule:
    """An administrator. The role is read from the session on every request.

    owner  the path parameter with the account
    """
    return CallerRule(authorizer=True, recently=recently, admin=True, owner=owner)


def self_or_admin(
    owner: str, *, recently: bool = False, recently_for_others: bool = False
) -> CallerRule:
    """The owner of the account in the path parameter `owner`, or an administrator.

    On a route without it (`/users/me/…`) the account is the caller's.

    recently_for_others  an administrator needs a recent authentication to change another account
    """
    return CallerRule(
        authorizer=True,
        recently=recently,
        recently_for_others=recently_for_others,
        owner=owner,
    )


_FIGURES = ("auth_ms", "auth_read_units", "auth_write_units")


def figures(milliseconds: float, read_units: float, write_units: float) -> dict[str, str]:
    """Return what the authorizer passes to the log line of the endpoint."""
    values = (round(milliseconds, 1), read_units, write_units)
    return {name: f"{value:g}" for name, value in zip(_FIGURES, values, strict=True)}


def authorizer_figures(context: Mapping[str, str]) -> dict[str, float | None]:
    """Read these figures from the authorizer's context. Empty for a public endpoint."""
    return {name: figure(float(context[name])) for name in _FIGURES if name in context}


def figure(amount: float) -> float | None:
    """Return an amount for the log: without a fraction of zero, and None for zero."""
    return (int(amount) if amount.is_integer() else amount) or None


def allow(caller: Caller) -> Event:
    """Return the authorizer's response for an authenticated request (simple response)."""
    return {"isAuthorized": True, "context": _context(caller)}


def refuse(error: errors.DomainError, *, typed: bool) -> Event:
    """Return the authorizer's response for any other request.

    typed  True for this API: the request is allowed with its reason, and the endpoint responds.
           False for other APIs: the request is denied
    """
    if not typed:
        return {"isAuthorized": False, "context": {}}
    caller = error.data.get("caller")
    known = _context(caller) if isinstance(caller, Caller) else {}
    return {"isAuthorized": True, "context": {**known, "auth_error": error.code}}


def authenticate(event: Event, rule: CallerRule) -> Caller:
    """Read the authorizer's context.

    Raises the NotAuthenticated that it names, TokenMissing without a context, and
    TemporarilyUnavailable if the authorizer could not decide.
    """
    context: dict[str, Any] = event["requestContext"].get("authorizer", {}).get("lambda") or {}
    reason = context.get("auth_error")
    if reason is not None:
        refusal = _REFUSALS.get(reason)
        if refusal is None:
            raise errors.TemporarilyUnavailable(
                retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS, reason=reason
            )
        if not (rule.ended_allowed and refusal in _ENDED and "session_id" in context):
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


def caller_context(caller: Caller) -> dict[str, str]:
    """Return what other APIs learn of the caller."""
    return {
        "account_id": caller.account_id,
        "session_id": caller.session_id,
        "auth_time": str(int(caller.authenticated_at.timestamp())),
        "role": caller.role.value,
    }


def _context(caller: Caller) -> dict[str, str]:
    return {
        **caller_context(caller),
        "audit_subject": caller.audit_subject,
        "device_name": caller.device_name,
        "origin": caller.origin,
    }

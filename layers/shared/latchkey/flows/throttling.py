"""Rate limits: refuses requests before they cost anything.

A refusal says when to retry, and is never permanent. Attempts of others do not block an account's
owner: known devices have their own counter, and so have attempts with an emailed code (ADR 17).
"""

from __future__ import annotations

import ipaddress
import math
from typing import TYPE_CHECKING

from latchkey.domain.errors import Problem, ProblemCode, TooManyAttempts
from latchkey.domain.limits import (
    LOGIN_PER_ACCOUNT,
    LOGIN_PER_CODE_HOLDER,
    LOGIN_PER_IDENTIFIER,
    LOGIN_PER_IDENTIFIER_AND_ADDRESS,
    LOGIN_PER_KNOWN_DEVICE,
    PASSWORD_PER_SESSION_HOLDER,
)
from latchkey.domain.mailbox import mailbox_of
from latchkey.domain.throttle import Attempts, Backoff, Quota, RateLimitStatus
from latchkey.domain.values import dataclass, replace

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.ids import AccountId, DeviceId
    from latchkey.domain.request import RequestContext
    from latchkey.domain.throttle import Allowance
    from latchkey.storage.rate_limits import RateLimitStore

CODE_REQUIRED = Problem(
    "code", ProblemCode.REQUIRED, "Request a code by email, and send it with the password."
)
"""In a refusal: the field with which the owner can sign in anyway (`POST /auth/login/code`)."""

_ROUNDS = 8
"""Attempts to read and count. A request that loses more races gets 429."""

_CROWDED_RETRY_AFTER_SECONDS = 1
_IPV6_SITE_PREFIX = 64
_HOUR_SECONDS, _DAY_SECONDS = 3600, 24 * 3600


@dataclass(frozen=True, slots=True)
class Counter:
    """The attempts of one subject under one rule."""

    backoff: Backoff
    subject: str


@dataclass(frozen=True, slots=True)
class Counted:
    """A counted attempt: the counter, and the attempt's number."""

    counter: Counter
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginAttempt:
    """A counted attempt to sign in.

    own         the attempt in the counter of this network, device or code. A success shows that
                all attempts of this counter were the owner's
    others      the same attempt in the counters that all networks share
    may_verify  whether to verify the password. If not, the response is that of a wrong one
    """

    own: Counted
    others: tuple[Counted, ...] = ()
    may_verify: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttling:
    """The flow and its parts.

    factor  multiplies every limit; 1 except for load tests
    """

    store: RateLimitStore
    factor: int = 1

    # Quotas ----------------------------------------------------------------------------------

    def count_address(self, quota: Quota, context: RequestContext) -> RateLimitStatus:
        """Count a request of the client's network. Raises TooManyAttempts."""
        return self.count(quota, network_of(context.ip_address), context.now)

    def count(self, quota: Quota, subject: str, now: datetime) -> RateLimitStatus:
        """Count a request of a subject. Raises TooManyAttempts."""
        quota = replace(quota, amount=quota.amount * self.factor)
        counted = self.store.count(quota, subject, now)
        reset = quota.window_seconds - int(now.timestamp()) % quota.window_seconds
        limit_status = RateLimitStatus(
            limit=quota, remaining=max(0, quota.amount - counted), reset_seconds=reset
        )
        if counted > quota.amount:
            raise TooManyAttempts(
                retry_after_seconds=reset, limit_status=limit_status, reason=quota.name
            )
        return limit_status

    def count_mail(
        self, kind: str, allowance: Allowance, address: str, now: datetime
    ) -> int | None:
        """Count an email to a mailbox. Returns how many may follow now, or None to drop it.

        kind  is counted separately, so that other emails can't use up the limit of password resets
        """
        subject = mailbox_of(address)

        def count(name: str, amount: int, seconds: int) -> tuple[int, int]:
            quota = Quota(name=f"mail-{kind}-{name}", amount=amount, window_seconds=seconds)
            counted = self.store.count(quota, subject, now)
            return counted, amount * self.factor - counted

        in_hour, left_in_hour = count("hour", allowance.per_hour, _HOUR_SECONDS)
        if left_in_hour < 0:
            return None
        _, left_in_day = count("day", allowance.per_day, _DAY_SECONDS)
        if left_in_day < 0:
            return 0 if allowance.steady and in_hour == 1 else None
        return min(left_in_hour, left_in_day)

    # Passwords -------------------------------------------------------------------------------

    def before_login(
        self,
        typed: str,
        account_id: AccountId,
        context: RequestContext,
        *,
        known_device_id: DeviceId | None,
    ) -> LoginAttempt:
        """Count an attempt to sign in before the password is verified.

        typed            a digest of the typed address or username
        account_id       the account's id, or `typed` for an unknown identifier
        known_device_id  a known device of this account

        Only counters of the typed identifier refuse. If the account's counter is closed because of
        its other identifier, the attempt continues without verifying the password: a refusal would
        reveal that the two identifiers belong together. The storage requests are the same.

        Raises TooManyAttempts. The owner can still sign in with an emailed code.
        """
        now, network = context.now, network_of(context.ip_address)
        try:
            if known_device_id is not None:
                device = Counter(LOGIN_PER_KNOWN_DEVICE, f"{account_id}|{known_device_id}")
                return LoginAttempt(own=self._attempt(now, device)[0])
            on_network, everywhere = self._attempt(
                now,
                Counter(LOGIN_PER_IDENTIFIER_AND_ADDRESS, f"{typed}|{network}"),
                Counter(LOGIN_PER_IDENTIFIER, typed),
            )
        except TooManyAttempts as refused:
            refused.problems = (CODE_REQUIRED,)
            raise
        try:
            (account,) = self._attempt(now, Counter(LOGIN_PER_ACCOUNT, account_id))
        except TooManyAttempts:
            # The same write as for a counted attempt, to a counter without effect.
            self._add(Counter(LOGIN_PER_ACCOUNT, f"closed|{typed}"), Attempts(), now)
            return LoginAttempt(own=on_network, others=(everywhere,), may_verify=False)
        return LoginAttempt(own=on_network, others=(everywhere, account))

    def before_login_with_code(self, account_id: AccountId, now: datetime) -> LoginAttempt:
        """Count an attempt to sign in with a valid emailed code. Raises TooManyAttempts."""
        (counted,) = self._attempt(now, Counter(LOGIN_PER_CODE_HOLDER, account_id))
        return LoginAttempt(own=counted)

    def after_login(self, attempt: LoginAttempt, now: datetime) -> None:
        """Remove the failures before a sign-in, except those of other networks.

        The attempts of this network were the owner's. Those of other networks stay counted:
        otherwise each sign-in of the owner would give attackers new attempts.
        """
        forgiven = attempt.own.number
        self._forget(attempt.own.counter)
        for counted in attempt.others:
            backoff, subject = counted.counter.backoff, counted.counter.subject
            self.store.take_back(backoff, subject, counted.number, forgiven, now)

    def before_own_password(self, account_id: AccountId, now: datetime) -> Counted:
        """Count a caller's attempt at their own password. Raises TooManyAttempts."""
        (counted,) = self._attempt(now, Counter(PASSWORD_PER_SESSION_HOLDER, account_id))
        return counted

    def after_own_password(self, counted: Counted) -> None:
        """Remove the failures before a success."""
        self._forget(counted.counter)

    def after_password_reset(self, account_id: AccountId) -> None:
        """Remove the failures of the old password after a reset.

        Counters of the identifiers stay. They do not block the owner, whose device is known now.
        """
        self._forget(Counter(LOGIN_PER_ACCOUNT, account_id))
        self._forget(Counter(PASSWORD_PER_SESSION_HOLDER, account_id))
        self._forget(Counter(LOGIN_PER_CODE_HOLDER, account_id))

    def _attempt(self, now: datetime, *counters: Counter) -> tuple[Counted, ...]:
        """Count an attempt under every rule, or under none if one refuses it.

        All are read first. A refused attempt is not counted, so retries do not extend the wait, and
        an attack on a closed account costs only reads.
        """
        numbers: dict[Counter, int] = {}
        pending = tuple(Counter(self._scale(c.backoff), c.subject) for c in counters)
        scaled = pending
        for _ in range(_ROUNDS):
            seen = [(c, self.store.read_attempts(c.backoff, c.subject, now)) for c in pending]
            for counter, attempts in seen:
                _require_open(counter.backoff, attempts, now)
            for counter, attempts in seen:
                if self._add(counter, attempts, now):
                    numbers[counter] = attempts.count + 1
            pending = tuple(counter for counter in pending if counter not in numbers)
            if not pending:
                return tuple(Counted(counter, numbers[counter]) for counter in scaled)
        raise TooManyAttempts(
            retry_after_seconds=_CROWDED_RETRY_AFTER_SECONDS, reason=pending[0].backoff.name
        )

    def _add(self, counter: Counter, seen: Attempts, now: datetime) -> bool:
        return self.store.add_attempt(counter.backoff, counter.subject, seen, now)

    def _forget(self, counter: Counter) -> None:
        self.store.forget_attempts(counter.backoff, counter.subject)

    def _scale(self, backoff: Backoff) -> Backoff:
        return replace(backoff, free=backoff.free * self.factor)


def network_of(ip_address: str) -> str:
    """Return the network of one client: an IPv4 address, or an IPv6 /64.

    A subscriber has 2^64 IPv6 addresses. Source: RFC 6177 section 2.
    """
    try:
        address = ipaddress.ip_address(ip_address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return address.compressed
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped.compressed
    return ipaddress.ip_network((address, _IPV6_SITE_PREFIX), strict=False).compressed


def _require_open(backoff: Backoff, attempts: Attempts, now: datetime) -> None:
    # A free attempt sets no wait. Its time may be after `now`: it was made while this request was
    # under way, or by a function whose clock is ahead.
    wait = attempts.wait(now)
    if attempts.count < backoff.free or not wait:
        return
    seconds = math.ceil(wait.total_seconds())
    limit_status = RateLimitStatus(limit=backoff, remaining=0, reset_seconds=seconds)
    raise TooManyAttempts(
        retry_after_seconds=seconds, limit_status=limit_status, reason=backoff.name
    )

"""Refusing what is tried too often, before it costs anything.

Three kinds of subject are counted: an address, an account, and an account from one address. A
refusal says when to come back; it is never for good. An account's own devices have a counter of
their own, so that whoever attacks the account does not keep its owner out.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from latchkey.domain.errors import TooManyAttempts
from latchkey.domain.limits import (
    LOGIN_PER_ACCOUNT,
    LOGIN_PER_ACCOUNT_AND_ADDRESS,
    LOGIN_PER_KNOWN_DEVICE,
    PASSWORD_PER_SESSION_HOLDER,
)
from latchkey.domain.mailbox import mailbox_of
from latchkey.domain.throttle import Attempts, Backoff, Quota, Standing

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.request import RequestContext
    from latchkey.domain.throttle import Allowance
    from latchkey.storage.rate_limits import RateLimitStore

_ROUNDS = 8
"""Of looking and counting. Whoever loses so many races is one of a crowd that guesses."""

_CROWDED_RETRY_AFTER_SECONDS = 1
_IPV6_SITE_PREFIX = 64
_HOUR_SECONDS, _DAY_SECONDS = 3600, 24 * 3600


@dataclass(frozen=True, slots=True)
class Counter:
    """One subject's attempts under one rule."""

    backoff: Backoff
    subject: str


type Counted = tuple[Counter, ...]
"""An attempt that has been counted, to be forgotten should it succeed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttling:
    """The flows, and what they need.

    factor  multiplies every number of requests; 1 but for load tests
    """

    store: RateLimitStore
    factor: int = 1

    # Quotas ----------------------------------------------------------------------------------

    def count_address(self, quota: Quota, context: RequestContext) -> Standing:
        """Count a request of the client's address. Raises TooManyAttempts."""
        return self.count(quota, network_of(context.ip_address), context.now)

    def count(self, quota: Quota, subject: str, now: datetime) -> Standing:
        """Count a request of a subject. Raises TooManyAttempts."""
        quota = dataclasses.replace(quota, amount=quota.amount * self.factor)
        counted = self.store.count(quota, subject, now)
        reset = quota.window_seconds - int(now.timestamp()) % quota.window_seconds
        standing = Standing(
            limit=quota, remaining=max(0, quota.amount - counted), reset_seconds=reset
        )
        if counted > quota.amount:
            raise TooManyAttempts(retry_after_seconds=reset, standing=standing, reason=quota.name)
        return standing

    def count_mail(
        self, kind: str, allowance: Allowance, address: str, now: datetime
    ) -> int | None:
        """Count a mail to a mailbox; return how many more may follow now, or None to drop it.

        kind  what is counted together; mails of another kind have their own allowance, so that
              nobody can use up the allowance of a password reset with other mails
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
        self, whose: str, context: RequestContext, *, known_device_id: str | None
    ) -> Counted:
        """Count an attempt to sign in, before the password is looked at.

        whose            an account's id, or a digest of an identifier that nobody has: from
                         outside, the two behave alike
        known_device_id  a device that this account has been signed in on

        Raises TooManyAttempts.
        """
        if known_device_id is not None:
            return self._attempt(
                context.now, Counter(LOGIN_PER_KNOWN_DEVICE, f"{whose}|{known_device_id}")
            )
        network = network_of(context.ip_address)
        return self._attempt(
            context.now,
            Counter(LOGIN_PER_ACCOUNT_AND_ADDRESS, f"{whose}|{network}"),
            Counter(LOGIN_PER_ACCOUNT, whose),
        )

    def before_own_password(self, account_id: str, now: datetime) -> Counted:
        """Count a signed-in person's attempt at their own password. Raises TooManyAttempts."""
        return self._attempt(now, Counter(PASSWORD_PER_SESSION_HOLDER, account_id))

    def after_success(self, counted: Counted) -> None:
        """Forget the failures that led up to a success; no address's quota is among them."""
        for counter in counted:
            self.store.forget_attempts(counter.backoff, counter.subject)

    def after_password_reset(self, account_id: str, context: RequestContext) -> None:
        """Let the account's owner in again at once: what was guessed at is gone."""
        network = network_of(context.ip_address)
        self.store.forget_attempts(LOGIN_PER_ACCOUNT, account_id)
        self.store.forget_attempts(LOGIN_PER_ACCOUNT_AND_ADDRESS, f"{account_id}|{network}")
        self.store.forget_attempts(PASSWORD_PER_SESSION_HOLDER, account_id)

    def _attempt(self, now: datetime, *counters: Counter) -> Counted:
        """Count an attempt under every rule, or under none when one of them refuses it.

        All are read first: what is refused is not counted, so that retrying makes nothing worse,
        and an attack on a closed account costs us reads only.
        """
        scaled = tuple(Counter(self._scale(c.backoff), c.subject) for c in counters)
        pending = scaled
        for _ in range(_ROUNDS):
            seen = [(c, self.store.read_attempts(c.backoff, c.subject, now)) for c in pending]
            for counter, attempts in seen:
                _require_open(counter.backoff, attempts, now)
            pending = tuple(
                counter
                for counter, attempts in seen
                if not self.store.add_attempt(counter.backoff, counter.subject, attempts, now)
            )
            if not pending:
                return scaled
        raise TooManyAttempts(
            retry_after_seconds=_CROWDED_RETRY_AFTER_SECONDS, reason=pending[0].backoff.name
        )

    def _scale(self, backoff: Backoff) -> Backoff:
        return dataclasses.replace(backoff, free=backoff.free * self.factor)


def network_of(ip_address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 that an IPv6 customer gets.

    One subscriber has 2^64 IPv6 addresses to try from. Source: RFC 6177 section 2.
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
    wait = attempts.wait(now)
    if not wait:
        return
    seconds = math.ceil(wait.total_seconds())
    standing = Standing(limit=backoff, remaining=0, reset_seconds=seconds)
    raise TooManyAttempts(retry_after_seconds=seconds, standing=standing, reason=backoff.name)

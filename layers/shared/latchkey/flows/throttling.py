"""Rate limits: refuses requests before they cost anything.

A refusal says when to retry, and is never permanent. Attempts of others do not block an account's
owner: known devices have their own counter, and so have attempts with an emailed code (ADR 17).
"""

from __future__ import annotations

import ipaddress
import math
from typing import TYPE_CHECKING

from latchkey.domain.changes import AttemptsForgotten, AttemptsReduced, AttemptsTakenBack
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
from latchkey.domain.throttle import Counter, Quota, RateLimitStatus
from latchkey.domain.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from latchkey.domain.changes import Change
    from latchkey.domain.ids import AccountId
    from latchkey.domain.request import RequestContext
    from latchkey.domain.throttle import Allowance, Attempts, Backoff
    from latchkey.storage.rate_limits import RateLimitStore

    type Seen = Mapping[Counter, Attempts]

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
class Counted:
    """A counted attempt: the counter, and the attempt's number."""

    counter: Counter
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginCounters:
    """The counters that an attempt to sign in may need. They are read before it is counted."""

    on_network: Counter
    everywhere: Counter
    account: Counter
    device: Counter | None
    code_holder: Counter

    def of_password(self) -> tuple[Counter, ...]:
        """Those of an attempt without an emailed code."""
        device = () if self.device is None else (self.device,)
        return (self.on_network, self.everywhere, self.account, *device)


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

    def login_counters(
        self, typed: str, account_id: AccountId, context: RequestContext
    ) -> LoginCounters:
        """Return the counters of an attempt to sign in.

        typed       a digest of the typed address or username
        account_id  the account's id, or `typed` for an unknown identifier
        """
        network, device_id = network_of(context.ip_address), context.device_id
        device = None
        if device_id is not None:
            device = self._counter(LOGIN_PER_KNOWN_DEVICE, f"{account_id}|{device_id}")
        return LoginCounters(
            on_network=self._counter(LOGIN_PER_IDENTIFIER_AND_ADDRESS, f"{typed}|{network}"),
            everywhere=self._counter(LOGIN_PER_IDENTIFIER, typed),
            account=self._counter(LOGIN_PER_ACCOUNT, account_id),
            device=device,
            code_holder=self._counter(LOGIN_PER_CODE_HOLDER, account_id),
        )

    def before_login(
        self,
        counters: LoginCounters,
        seen: Seen,
        now: datetime,
        *,
        device_is_known: bool,
    ) -> LoginAttempt:
        """Count an attempt to sign in before the password is verified.

        seen  the attempts that were just read, of `counters.of_password()`

        Only counters of the typed identifier refuse. If the account's counter is closed because of
        its other identifier, the attempt continues without verifying the password: a refusal would
        reveal that the two identifiers belong together. The storage requests are the same.

        Raises TooManyAttempts. The owner can still sign in with an emailed code.
        """
        try:
            if device_is_known and counters.device is not None:
                return LoginAttempt(own=self._attempt(now, counters.device, seen=seen))
            return self._on_unknown_device(counters, seen, now)
        except TooManyAttempts as refused:
            refused.problems = (CODE_REQUIRED,)
            raise

    def _on_unknown_device(
        self, counters: LoginCounters, seen: Seen, now: datetime
    ) -> LoginAttempt:
        network, everywhere, account = counters.on_network, counters.everywhere, counters.account
        for attempts in self._looks(now, (network, everywhere, account), seen):
            _require_open(network.backoff, attempts[network], now)
            _require_open(everywhere.backoff, attempts[everywhere], now)
            may_verify = _is_open(account.backoff, attempts[account], now)
            # The same write as for a counted attempt, to a counter without effect.
            closed = (Counter(account.backoff, f"closed|{everywhere.subject}"), None)
            third = (account, attempts[account]) if may_verify else closed
            both = ((network, attempts[network]), (everywhere, attempts[everywhere]))
            if self.store.add_attempts([*both, third], now):
                own, other, of_account = (Counted(c, n.count + 1) for c, n in attempts.items())
                others = (other, of_account) if may_verify else (other,)
                return LoginAttempt(own=own, others=others, may_verify=may_verify)
        raise _crowded(network)

    def before_login_with_code(
        self, counters: LoginCounters, seen: Seen, now: datetime
    ) -> LoginAttempt:
        """Count an attempt to sign in with a valid emailed code. Raises TooManyAttempts."""
        return LoginAttempt(own=self._attempt(now, counters.code_holder, seen=seen))

    def forgiven(
        self, attempt: LoginAttempt, now: datetime, *, read_again: bool = False
    ) -> list[Change]:
        """Return the changes that remove the failures before a sign-in, for its transaction.

        The attempts of this network were the owner's. Those of other networks stay counted:
        otherwise each sign-in of the owner would give attackers new attempts.

        read_again  after the transaction was refused, perhaps because of another attempt
        """
        amount = attempt.own.number
        changes: list[Change] = [AttemptsForgotten(attempt.own.counter)]
        for counted in attempt.others:
            number = counted.number
            if read_again:
                number = self.store.read_attempts(counted.counter, now).count
            if number == counted.number:
                changes.append(AttemptsTakenBack(counted.counter, number, amount, now))
            elif number > amount:
                changes.append(AttemptsReduced(counted.counter, amount))
        return changes

    def after_refused_login(self, attempt: LoginAttempt, now: datetime) -> None:
        """Remove the failures before the right password of a person who may not sign in."""
        self.store.forget_attempts(attempt.own.counter)
        for counted in attempt.others:
            self.store.take_back(counted.counter, counted.number, attempt.own.number, now)

    def before_own_password(self, account_id: AccountId, now: datetime) -> Counted:
        """Count a caller's attempt at their own password. Raises TooManyAttempts."""
        return self._attempt(now, self._counter(PASSWORD_PER_SESSION_HOLDER, account_id))

    def after_own_password(self, counted: Counted) -> None:
        """Remove the failures before a success."""
        self.store.forget_attempts(counted.counter)

    def after_password_reset(self, account_id: AccountId) -> None:
        """Remove the failures of the old password after a reset.

        Counters of the identifiers stay. They do not block the owner, whose device is known now.
        """
        for backoff in (LOGIN_PER_ACCOUNT, PASSWORD_PER_SESSION_HOLDER, LOGIN_PER_CODE_HOLDER):
            self.store.forget_attempts(Counter(backoff, account_id))

    def _attempt(self, now: datetime, counter: Counter, seen: Seen | None = None) -> Counted:
        """Count an attempt. A refused one is not counted, so retries do not extend the wait.

        An attack on a closed account therefore costs only reads.
        """
        for attempts in self._looks(now, (counter,), seen):
            _require_open(counter.backoff, attempts[counter], now)
            if self.store.add_attempts([(counter, attempts[counter])], now):
                return Counted(counter, attempts[counter].count + 1)
        raise _crowded(counter)

    def _looks(
        self, now: datetime, counters: tuple[Counter, ...], seen: Seen | None
    ) -> Iterator[Seen]:
        """Yield the attempts of the counters as they were read, again after each lost race."""
        for round_number in range(_ROUNDS):
            if seen is None or round_number:
                seen = {counter: self.store.read_attempts(counter, now) for counter in counters}
            yield {counter: seen[counter] for counter in counters}

    def _counter(self, backoff: Backoff, subject: str) -> Counter:
        free = backoff.free * self.factor
        return Counter(replace(backoff, free=free), subject)


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


def _crowded(counter: Counter) -> TooManyAttempts:
    return TooManyAttempts(
        retry_after_seconds=_CROWDED_RETRY_AFTER_SECONDS, reason=counter.backoff.name
    )


def _is_open(backoff: Backoff, attempts: Attempts, now: datetime) -> bool:
    # A free attempt sets no wait. Its time may be after `now`: it was made while this request was
    # under way, or by a function whose clock is ahead.
    return attempts.count < backoff.free or not attempts.wait(now)


def _require_open(backoff: Backoff, attempts: Attempts, now: datetime) -> None:
    if _is_open(backoff, attempts, now):
        return
    seconds = math.ceil(attempts.wait(now).total_seconds())
    limit_status = RateLimitStatus(limit=backoff, remaining=0, reset_seconds=seconds)
    raise TooManyAttempts(
        retry_after_seconds=seconds, limit_status=limit_status, reason=backoff.name
    )

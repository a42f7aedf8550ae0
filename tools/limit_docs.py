"""docs/limits.md, written from the table of limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain import limits
from latchkey.domain.limit_table import MAILS, OPERATIONS, Limit
from latchkey.domain.throttle import Quota

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOTE = "Written by `make openapi` from layers/shared/latchkey/domain/limit_table.py"
_HEAD = f"""\
<!-- {_NOTE}: change it there. -->

# Limits

Every operation that verifies a secret or causes a mail. Over a limit the answer is 429
`TOO_MANY_ATTEMPTS` with `Retry-After`, and `RateLimit` names the limit. `RateLimitFactor`
multiplies all of them, for load tests.

A network is an IPv4 address or an IPv6 /64. An identifier is an address or username as it was
typed, whether or not somebody has it. The counter of the account answers as a wrong password does:
a refusal would tell which address and which username belong together. A link is void after
{limits.PASSWORDS_PER_LINK} wrong passwords. The reasons are in
[ADR 17](adr/0017-limits-and-codes-by-mail.md).

With `BreachedPasswordCheck` a range service is asked about a new password for at most
{limits.BREACH_RANGE_TIMEOUT_SECONDS} seconds. Without a response in time the password is accepted.

| operation | verifies | limits | mails |
|---|---|---|---|
"""

_MAILS_HEAD = """
## Mails

What one mailbox gets of each kind, whichever operation causes it. Addresses with a tag
(`ada+news@example.com`) and, at Gmail, with dots are one mailbox. What is too much is not sent, and
no answer tells.

| mail | an hour | a day | then |
|---|--:|--:|---|
"""


def render_limits_page(methods: Mapping[str, str]) -> str:
    """Write the page. `methods` has the method and path of each operation."""
    rows = [
        f"| `{methods[operation]}` | {', '.join(sorted(row.secrets)) or '-'} "
        f"| {'<br>'.join(map(_limit, row.limits)) or '-'} "
        f"| {', '.join(sorted(kind.value for kind in row.mails)) or '-'} |\n"
        for operation, row in OPERATIONS.items()
    ]
    mails = [
        f"| {kind.value} | {allowance.per_hour} | {allowance.per_day} "
        f"| {'one an hour' if allowance.steady else 'none'} |\n"
        for kind, allowance in MAILS.items()
    ]
    return "".join([_HEAD, *rows, _MAILS_HEAD, *mails])


def _limit(limit: Limit) -> str:
    rule = limit.rule
    if isinstance(rule, Quota):
        words = f"{rule.amount} in {_time(rule.window_seconds)}"
    else:
        words = (
            f"{rule.free}, then waits from {_time(rule.first_wait_seconds)} "
            f"to {_time(rule.longest_wait_seconds)}"
        )
    told = "" if limit.told else ", answered as a wrong password"
    return f"`{rule.name}`: {words} per {limit.per}{told}"


def _time(seconds: int) -> str:
    for unit, length in (("day", 24 * 3600), ("hour", 3600), ("minute", 60)):
        if seconds % length == 0:
            number = seconds // length
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return f"{seconds} seconds"

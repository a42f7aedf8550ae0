"""What each operation costs: milliseconds of a warm function and DynamoDB's units.

    python -m benchmarks.operations [ROUNDS]

Runs every operation of a session's life on a local stack of its own and reads the functions' own
log lines. Units are computed from item sizes by DynamoDB's rules, as no emulator reports them
right; prices are us-east-1's list prices for on-demand tables. Milliseconds are this machine's,
with the emulator's storage on the same cores: good for ratios, not for promises.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from urllib.parse import urlsplit

from tests.support.api import PASSWORD, Api, a_fresh_address
from tools.local.stack import LocalStack

DOLLARS_PER_MILLION_READ_UNITS = 0.125
DOLLARS_PER_MILLION_WRITE_UNITS = 0.625
SESSIONS = "/api/v1/users/me/sessions"


def live(api: Api, rounds: int) -> None:
    """Go through a session's life so many times."""
    for _ in range(rounds):
        email = a_fresh_address()
        first = api.register(email).json()["data"]
        token = first["access_token"]
        second = api.login(email).json()["data"]
        third = api.login(email).json()["data"]
        api.me(token)
        api.me(token)
        api.call("GET", SESSIONS, token=token)
        api.refresh(first["refresh_token"])
        api.call("POST", "/api/v1/auth/reauthenticate", token=token, json={"password": PASSWORD})
        api.call("DELETE", f"{SESSIONS}/{second['session']['id']}", token=token)
        api.me(second["access_token"])
        api.call("DELETE", SESSIONS, token=token)
        api.me(third["access_token"])
        api.call("POST", "/api/v1/auth/logout", token=token)


def measured(lines: list[str]) -> dict[str, list[dict[str, float]]]:
    """Collect the request lines by operation and outcome."""
    found = defaultdict(list)
    for line in lines:
        if '"read_units"' in line:
            entry = json.loads(line[line.index("{") :])
            # What workers do later costs by the batch: docs/audit.md has it.
            if "outcome" in entry:
                found[f"{entry['operation']} {entry['outcome']}"].append(entry)
    return dict(found)


def main() -> None:
    """Measure, and print a table in Markdown."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    # Everything comes from one address, more often than an address may.
    with LocalStack.start(parameters={"RateLimitFactor": "100"}) as stack:
        live(Api(stack.emulator_url, host=urlsplit(stack.api_url).netloc), rounds)
        found = measured(stack.logs())
    print("| operation | n | ms p50 | ms p95 | read units | write units | $ per million |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name, entries in sorted(found.items()):
        milliseconds = sorted(entry["ms"] for entry in entries)
        reads = statistics.mean(entry["read_units"] for entry in entries)
        writes = statistics.mean(entry["write_units"] for entry in entries)
        dollars = reads * DOLLARS_PER_MILLION_READ_UNITS + writes * DOLLARS_PER_MILLION_WRITE_UNITS
        late = milliseconds[int(len(milliseconds) * 0.95)]
        print(
            f"| {name} | {len(entries)} | {statistics.median(milliseconds):.1f} | {late:.1f} "
            f"| {reads:.2f} | {writes:.2f} | {dollars:.2f} |"
        )


if __name__ == "__main__":
    main()

"""What each operation costs: milliseconds of a warm function and DynamoDB's units.

    python -m benchmarks.operations [ROUNDS]

Runs every operation that is a person's own on a local stack of its own and reads the functions' own
log lines. Units are computed from item sizes by DynamoDB's rules, as no emulator reports them
right; prices are us-east-1's list prices for on-demand tables. Milliseconds are this machine's,
with the emulator's storage on the same cores: good for ratios, not for promises.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
from collections import defaultdict
from urllib.parse import urlsplit

from tests.support.api import PASSWORD, Api, a_fresh_address
from tools.local.stack import LocalStack

DOLLARS_PER_MILLION_READ_UNITS = 0.125
DOLLARS_PER_MILLION_WRITE_UNITS = 0.625
AUTH, ME = "/api/v1/auth", "/api/v1/users/me"
SESSIONS = f"{ME}/sessions"
ANOTHER = "seven lanterns on the quay"
MAIL_SECONDS = 60


def live(api: Api, stack: LocalStack) -> None:
    """Go through an account's life once: each operation that is a person's own."""
    email = a_fresh_address()
    token = api.register(email).json()["data"]["access_token"]
    devices(api, email, token)
    me(api, token)
    passwords(api, stack, email, token)
    leaving(api, stack, email)


def devices(api: Api, email: str, token: str) -> None:
    """Sign in, look, rename, refresh and sign out."""
    second = api.login(email).json()["data"]
    third = api.login(email).json()["data"]
    mine = f"{SESSIONS}/{second['session']['id']}"
    api.call("GET", SESSIONS, token=token)
    api.call("PATCH", mine, token=token, json={"device_name": "Mine"})
    api.refresh(second["refresh_token"])
    api.call("POST", f"{AUTH}/reauthenticate", token=token, json={"password": PASSWORD})
    api.call("DELETE", mine, token=token)
    api.me(second["access_token"])
    api.call("DELETE", SESSIONS, token=token)
    api.me(third["access_token"])
    fourth = api.login(email).json()["data"]["access_token"]
    api.call("POST", f"{AUTH}/logout", token=fourth)


def me(api: Api, token: str) -> None:
    """Read and change what there is of a person, and ask for a copy."""
    api.me(token)
    api.me(token)
    api.call("PATCH", ME, token=token, json={"occupation": "engineer", "marketing_consent": True})
    api.call("PUT", f"{ME}/preferences", token=token, json={"wifi": "fast"})
    for path in ("preferences", "consents", "activity"):
        api.call("GET", f"{ME}/{path}", token=token)
    api.call("DELETE", f"{ME}/preferences", token=token)
    api.call("POST", f"{ME}/avatar/uploads", token=token, json={"content_type": "image/png"})
    asked = api.call("POST", f"{ME}/export", token=token).json()["data"]
    api.call("GET", f"{ME}/exports", token=token)
    api.call("GET", f"{ME}/exports/{asked['id']}", token=token)


def passwords(api: Api, stack: LocalStack, email: str, token: str) -> None:
    """Prove the address, change the password, say of a sign-in that it was not one's own."""
    proof = {"token": link(stack, email, "verify-email"), "password": PASSWORD}
    api.call("POST", f"{AUTH}/email/verify", json=proof)
    api.call("POST", f"{AUTH}/email/resend", json={"email": email})
    change = {"current_password": PASSWORD, "new_password": ANOTHER}
    api.call("PUT", f"{ME}/password", token=token, json=change)
    reported = link(stack, email, "not-me")
    api.call("GET", f"{AUTH}/not-me", headers={"latchkey-token": reported})
    api.call("POST", f"{AUTH}/not-me", json={"token": reported})
    api.call("POST", f"{AUTH}/password/forgot", json={"email": email})
    new = {"token": link(stack, email, "reset-password"), "new_password": PASSWORD}
    api.call("POST", f"{AUTH}/password/reset", json=new)


def leaving(api: Api, stack: LocalStack, email: str) -> None:
    """Leave, come back, take another address, and have it taken back."""
    token = api.login(email).json()["data"]["access_token"]
    api.call("DELETE", ME, token=token)
    back = link(stack, email, "restore-account")
    api.call("POST", f"{AUTH}/restore", json={"token": back})
    token = api.login(email).json()["data"]["access_token"]
    other = a_fresh_address()
    api.call("POST", f"{ME}/email", token=token, json={"email": other})
    proof = {"token": link(stack, other, "verify-email"), "password": PASSWORD}
    api.call("POST", f"{AUTH}/email/verify", json=proof)
    undo = link(stack, email, "undo-email-change")
    api.call("POST", f"{AUTH}/email/undo", json={"token": undo})


def link(stack: LocalStack, address: str, page: str) -> str:
    """Wait for a mail with a link to a page. Returns the link's token."""
    deadline = time.monotonic() + MAIL_SECONDS
    while time.monotonic() < deadline:
        for mail in stack.mails():
            if mail["To"] == [address] and (found := token_for(page, mail["BodyText"])):
                return found
        time.sleep(0.2)
    msg = f"no mail with a link to {page} came"
    raise TimeoutError(msg)


def token_for(page: str, text: str) -> str | None:
    """Read the token of a link to this page."""
    found = re.search(rf"/{page}#token=(\S+)", text)
    return None if found is None else found[1]


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
    with LocalStack.start(
        parameters={"RateLimitFactor": "100", "SelfServiceRestore": "on"}
    ) as stack:
        api = Api(stack.emulator_url, host=urlsplit(stack.api_url).netloc)
        for _ in range(rounds):
            live(api, stack)
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

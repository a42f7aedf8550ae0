"""What each operation costs: milliseconds of a warm function and DynamoDB's units.

    python -m benchmarks.operations [--units] [ROUNDS]

Runs every operation that is a person's own twice and reads the functions' log lines: on a local
stack of its own for the milliseconds, and in this process for the units. The table in memory
computes them by DynamoDB's rules, because no emulator reports them correctly. Prices are those of
us-east-1 for on-demand tables. Milliseconds are those of this machine.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import statistics
import time
from collections import defaultdict
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any, Protocol, override
from urllib.parse import urlsplit

import httpx

from benchmarks.prices import READ_UNIT, WRITE_UNIT
from latchkey.domain.clock import SystemClock
from latchkey.storage.memory import MemoryTable
from latchkey.wiring.storage import clock
from tests.support.api import PASSWORD, Api, a_fresh_address
from tests.support.audit import captured_log
from tests.support.service import InProcessService
from tools.local.stack import LocalStack

AUTH, ME = "/api/v1/auth", "/api/v1/users/me"
SESSIONS = f"{ME}/sessions"
ANOTHER = "seven lanterns on the quay"
MAIL_SECONDS = 60


class Inbox(Protocol):
    """Where the emails of a stack are read."""

    def mails(self) -> list[dict[str, Any]]:
        """Return all emails so far."""
        ...


def a_service() -> InProcessService:
    """Return the service in this process, with a clock that moves."""
    settings = {"SELF_SERVICE_RESTORE": "on", "RATE_LIMIT_FACTOR": "1000000"}
    service = InProcessService(table=MemoryTable(metered=True), **settings)
    service.put_in_place({clock: SystemClock()})
    return service


@dataclass(frozen=True, slots=True)
class Rehearsal(Api):
    """The service in this process, with the interface of a deployment."""

    base_url: str = ""
    service: InProcessService = field(default_factory=a_service)

    @override
    def call(self, method: str, path: str, *, token: str | None = None, **options: Any) -> Any:
        """Send one request, and let the workers run afterwards."""
        headers, body = options.get("headers"), options.get("json")
        answer = self.service.request(method, path, token=token, headers=headers, json_body=body)
        self.service.work()
        return httpx.Response(answer.status, json=answer.body)

    def mails(self) -> list[dict[str, Any]]:
        """See Inbox.mails."""
        sent = self.service.mailbox.sent
        return [{"To": [mail.to], "BodyText": mail.letter.text} for mail in sent]


def live(api: Api, stack: Inbox) -> None:
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


def passwords(api: Api, stack: Inbox, email: str, token: str) -> None:
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


def leaving(api: Api, stack: Inbox, email: str) -> None:
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


def link(stack: Inbox, address: str, page: str) -> str:
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
        if '"operation"' in line:
            entry = json.loads(line[line.index("{") :])
            # What workers do later costs by the batch: docs/audit.md has it.
            if "outcome" in entry:
                found[f"{entry['operation']} {entry['outcome']}"].append(entry)
    return dict(found)


def rehearsed(rounds: int) -> dict[str, list[dict[str, float]]]:
    """Run the operations in this process. Returns their request lines."""
    # The embedded metrics are printed.
    with captured_log() as log, redirect_stdout(io.StringIO()):
        rehearsal = Rehearsal()
        for _ in range(rounds):
            live(rehearsal, rehearsal)
    return measured(log.getvalue().splitlines())


def deployed(rounds: int) -> dict[str, list[dict[str, float]]]:
    """Run the operations on a local stack. Returns their request lines."""
    # Everything comes from one address, more often than an address may.
    with LocalStack.start(
        parameters={"RateLimitFactor": "100", "SelfServiceRestore": "on"}
    ) as stack:
        api = Api(stack.emulator_url, host=urlsplit(stack.api_url).netloc)
        for _ in range(rounds):
            live(api, stack)
        return measured(stack.logs())


def main() -> None:
    """Measure, and print a table in Markdown."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("rounds", type=int, nargs="?", default=20)
    options.add_argument("--units", action="store_true", help="units only, without a stack")
    chosen = options.parse_args()
    units = rehearsed(chosen.rounds)
    timed = {} if chosen.units else deployed(chosen.rounds)
    print("| operation | n | ms p50 | ms p95 | read units | write units | $ per million |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name, entries in sorted(units.items()):
        milliseconds = sorted(entry["ms"] for entry in timed.get(name, []))
        middle, late = "-", "-"
        if milliseconds:
            middle = f"{statistics.median(milliseconds):.1f}"
            late = f"{milliseconds[int(len(milliseconds) * 0.95)]:.1f}"
        reads = statistics.mean(entry.get("read_units", 0) for entry in entries)
        writes = statistics.mean(entry.get("write_units", 0) for entry in entries)
        dollars = 1e6 * (reads * READ_UNIT + writes * WRITE_UNIT)
        print(
            f"| {name} | {len(entries)} | {middle} | {late} "
            f"| {reads:.2f} | {writes:.2f} | {dollars:.2f} |"
        )


if __name__ == "__main__":
    main()

"""Campaigns of the audit trail: small ones here, complete ones marked slow."""

from __future__ import annotations

import json
import random
import secrets
from collections import Counter
from typing import override

import pytest

from latchkey.observability import REQUEST_LINE
from latchkey.storage import keys
from latchkey.storage.memory import MemoryTable
from tests.support.audit import accounted, audit_rows, captured_log, log_event, stream_event
from tests.support.service import IPHONE, PASSWORD, InProcessService

ME = "/api/v1/users/me"
LOGIN = "/api/v1/auth/login"
NOBODY = f"ses_{'0' * 26}"


# Every request -----------------------------------------------------------------------------------


def mixed_requests(service, count, seed):
    """Send valid and invalid requests of every kind, and sign in again in between."""
    chance = random.Random(seed)
    token = service.register().data["access_token"]
    wrong = {"email": "ada@example.com", "password": "wrong horse battery staple"}
    kinds = [
        *[lambda: service.request("GET", ME, token=token)] * 20,
        *[lambda: service.request("GET", f"{ME}/sessions", token=token)] * 20,
        *[lambda: service.request("GET", f"{ME}/activity", token=token)] * 5,
        *[lambda: service.request("GET", ME, token=chance.choice(["", "x.y.z", token + "x"]))] * 15,
        *[lambda: service.request("GET", ME)] * 5,
        *[lambda: service.request("GET", f"{ME}/sessions", token=token, query={"x": "1"})] * 5,
        *[lambda: service.request("DELETE", f"{ME}/sessions/{NOBODY}", token=token)] * 5,
        *[lambda: service.request("POST", LOGIN, raw_body=chance.choice(["{", "[]", "{}"]))] * 10,
        *[lambda: service.request("PATCH", ME, token=token, json_body={"age": "old"})] * 5,
        *[lambda: service.request("GET", "/api/v1/audit", token=token)] * 5,
        *[lambda: service.request("GET", "/api/v1/health")] * 4,
        lambda: service.request("POST", LOGIN, json_body=wrong),
    ]
    for _ in range(count - 1):
        chance.choice(kinds)()
        service.clock.advance(seconds=0.05)
        if chance.random() < 0.005:
            service.clock.advance(minutes=11)  # the token expires
            token = service.login().data["access_token"]


def unaccounted(count):
    service = InProcessService()
    with captured_log() as log:
        mixed_requests(service, count, seed=7)
    sent = {f"request-{number}" for number in range(1, service._requests + 1)}
    lines = log.getvalue().splitlines()
    recorder = service._handler("record_requests")
    for start in range(0, len(lines), 500):
        recorder(log_event(lines[start : start + 500]), None)
    found = accounted(audit_rows(service.table))
    logged = [json.loads(line) for line in lines]
    nobodys = [
        line
        for line in logged
        if line["message"] == REQUEST_LINE and "subject" not in line and line["status"] < 500
    ]
    assert found.counts == Counter(line["outcome"] for line in nobodys)
    assert found.total == len(sent) >= count
    return sent - set(found.outcomes) - {line["request_id"] for line in nobodys}


def test_every_request_is_in_the_trail():
    assert unaccounted(300) == set()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_of_ten_thousand_requests_is_in_the_trail():
    assert unaccounted(10_000) == set()


# Every change ------------------------------------------------------------------------------------


class Killed(BaseException):
    """SIGKILL: nothing catches it, nothing cleans up."""


class MortalTable(MemoryTable):
    """A table that crashes the process before or after the n-th write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes_left = -1
        self.dies_after = False

    @override
    def _commit(self, writes, *, factor):
        if self.writes_left == 0 and not self.dies_after:
            raise Killed
        super()._commit(writes, factor=factor)
        self.writes_left -= 1
        if self.writes_left == -1 and self.dies_after:
            self.dies_after = False
            raise Killed


UNAUDITED = {
    "last_activity_at",
    "used_generation",
    "generation",
    "rotated_at",
    "session_version",
    "sign_in_epoch",
    "signed_out_at",
}
"""Use, and not change: what a request for anything else leaves behind."""


def state(table):
    """All accounts and sessions, without attributes of use."""
    return {
        (item["pk"], item["sk"]): {n: v for n, v in item.items() if n not in UNAUDITED}
        for item in table.all_items()
        if str(item["pk"]).startswith("ACCOUNT#")
        and str(item["sk"]).startswith(("ACCOUNT", "SESSION#"))
    }


def acts(service, token, other, number):
    """What a person may do that changes something."""
    age, proof = {"age": number % 100}, {"password": PASSWORD}
    reauthenticate = "/api/v1/auth/reauthenticate"
    return [
        lambda: service.register(f"p{number}@example.com"),
        lambda: service.login(user_agent=IPHONE),
        lambda: service.request("DELETE", f"{ME}/sessions", token=token),
        lambda: service.request("DELETE", f"{ME}/sessions/{other}", token=token),
        lambda: service.request("PATCH", ME, token=token, json_body=age),
        lambda: service.request("POST", reauthenticate, token=token, json_body=proof),
    ]


def changes_without_a_row(kills, seed):
    chance = random.Random(seed)
    table = MortalTable()
    service = InProcessService(table=table)
    token = service.register().data["access_token"]
    found, killed = [], 0
    while killed < kills:
        service.clock.advance(seconds=1)
        sessions = service.request("GET", f"{ME}/sessions", token=token)
        if sessions.status != 200 or len(table.all_items()) > 400:
            table = MortalTable()
            service = InProcessService(table=table)
            token = service.register().data["access_token"]
            continue
        others = [s["id"] for s in sessions.data["sessions"] if not s["is_current"]]
        act = chance.choice(acts(service, token, (others or [NOBODY])[0], killed))
        before, rows = state(table), len(audit_rows(table))
        table.writes_left, table.dies_after = chance.randrange(3), chance.random() < 0.5
        try:
            act()
        except Killed:
            killed += 1
        table.writes_left, table.dies_after = -1, False
        if state(table) != before and len(audit_rows(table)) == rows:
            found.append(killed)
    return found


def test_crash_leaves_no_change_without_its_row():
    assert changes_without_a_row(40, seed=7) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_five_hundred_kills_leave_no_change_without_its_row():
    assert changes_without_a_row(500, seed=8) == []


# No secret ---------------------------------------------------------------------------------------


def test_no_secret_is_in_logs_rows_archives_or_responses():
    service = InProcessService()
    planted, answers = [], []

    def secret():
        planted.append(f"canary{secrets.token_hex(12)}")
        return planted[-1]

    def note(answer):
        answers.append(repr(answer.body) + repr(answer.headers))

    def plant(number):
        """Send nine secrets, everywhere that a client can put one."""
        password = secret()
        body = {"email": f"p{number}@example.com", "password": password}
        signed_in = service.request("POST", "/api/v1/auth/register", json_body=body).data
        token, refresh = signed_in["access_token"], signed_in["refresh_token"]
        planted.extend((token, refresh, token.rpartition(".")[2], refresh.rpartition(".")[2]))
        for request in (
            lambda: service.request("POST", LOGIN, json_body={**body, "password": secret()}),
            lambda: service.request("POST", LOGIN, json_body={**body, "more": secret()}),
            lambda: service.request("POST", LOGIN, raw_body=f'{{"password": "{secret()}'),
            lambda: service.request("GET", ME, token=secret()),
            lambda: service.request("GET", ME, token=token, headers={"x-api-key": secret()}),
            lambda: service.request(
                "POST", "/api/v1/auth/refresh", json_body={"refresh_token": secret()}
            ),
            lambda: service.request(
                "POST",
                "/api/v1/auth/refresh",
                cookies=[f"__Host-latchkey_refresh={secret()}"],
                headers={"origin": "https://accounts.test"},
            ),
            lambda: service.request("GET", f"{ME}/activity", token=token),
            lambda: service.request("GET", f"{ME}/sessions", token=token),
        ):
            note(request())
            service.clock.advance(seconds=1)

    with captured_log() as log:
        for number in range(20):
            plant(number)
    lines = log.getvalue().splitlines()
    service._handler("record_requests")(log_event(lines), None)
    service._handler("chain_audit")(stream_event(audit_rows(service.table)), None)
    service.clock.advance(hours=2)
    service._handler("archive_audit")({}, None)

    key_ring = service.keys.key_ring()
    stores = (service.refresh_peppers, service.link_peppers)
    planted += [store.current(service.clock.now()).secret.hex() for store in stores]
    planted += [key_ring.keys[0].private_pem.splitlines()[1]]
    for item in service.table.all_items():
        if str(item["sk"]).startswith("SESSION#"):
            planted.append(repr(item["secret"]))
    places = {
        "logs": log.getvalue(),
        "rows": repr(audit_rows(service.table)),
        "archives": repr(service.audit_vault.archived_lines),
        "answers": "".join(answers),
    }
    assert len(planted) >= 200
    leaks = [(place, s) for place, text in places.items() for s in planted if s in text]
    assert leaks == []
    assert keys.AUDIT_REQUEST_PREFIX in places["archives"]

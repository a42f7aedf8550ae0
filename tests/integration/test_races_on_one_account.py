"""Races of operations on one account, over HTTP on the deployed stack: sign-ins in flight first."""

from __future__ import annotations

import itertools
import json
import random
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.test_administration import make_admin
from tests.integration.test_mail import link_token, reset
from tests.support.api import PASSWORD, a_fresh_address, all_at_once

if TYPE_CHECKING:
    from tests.support.api import Api
    from tools.local.stack import LocalStack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

USERS = "/api/v1/users"
ME = f"{USERS}/me"
ANOTHER = "seven lanterns on the quay"
SIGN_INS = 3
ROUNDS = 3
PAIRS = 24
"""Of operations in the campaign, at random: about five seconds each on two cores."""


class Person:
    """An account, and what its owner holds."""

    def __init__(self, api: Api, stack: LocalStack) -> None:
        self.api, self.stack = api, stack
        self.email = a_fresh_address()
        data = api.register(self.email).json()["data"]
        self.id, self.token = data["user"]["id"], data["access_token"]
        self.refresh_token = data["refresh_token"]

    def sign_in(self) -> Any:
        time.sleep(random.uniform(0, 0.1))
        return self.api.login(self.email)

    def send(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        return self.api.call(method, path, token=token or self.token, json=body)


@pytest.fixture(scope="module")
def root(wide_api, stack):
    email = a_fresh_address()
    wide_api.register(email)
    made = make_admin(stack, email)
    assert made.returncode == 0, made.stderr
    return email


def admin_token(api: Api, root: str) -> str:
    """Sign the administrator in: what changes somebody needs a recent authentication."""
    token: str = api.login(root).json()["data"]["access_token"]
    return token


def alive(api: Api, answers: list[Any]) -> list[Any]:
    """Return the data of the sign-ins whose session lives."""
    begun = [answer.json()["data"] for answer in answers if answer.status_code == 200]
    return [data for data in begun if api.me(data["access_token"]).status_code == 200]


def by_reset(person: Person, _: str) -> Any:
    person.api.call("POST", "/api/v1/auth/password/forgot", json={"email": person.email})
    token = link_token(person.stack, person.email, "reset-password")
    return lambda: reset(person.api, token)


def by_change(person: Person, _: str) -> Any:
    body = {"current_password": PASSWORD, "new_password": ANOTHER}
    return lambda: person.send("PUT", f"{ME}/password", body)


def by_undo(person: Person, _: str) -> Any:
    old, new = person.email, a_fresh_address()
    assert person.send("POST", f"{ME}/email", {"email": new}).status_code == 202
    body = {"token": link_token(person.stack, new, "verify-email"), "password": PASSWORD}
    changed = person.api.call("POST", "/api/v1/auth/email/verify", json=body)
    assert changed.status_code == 200
    token = link_token(person.stack, old, "undo-email-change")
    person.email = new
    undo = {"token": token}
    return lambda: person.api.call("POST", "/api/v1/auth/email/undo", json=undo)


def by_suspension(person: Person, root: str) -> Any:
    token = admin_token(person.api, root)

    def act() -> Any:
        path = f"{USERS}/{person.id}"
        done = person.send("POST", f"{path}/suspend", token=token)
        person.send("POST", f"{path}/unsuspend", token=token)
        return done

    return act


@pytest.mark.parametrize("event", [by_reset, by_change, by_undo, by_suspension])
def test_sign_in_in_flight_does_not_outlive_what_ends_sessions(wide_api, stack, root, event):
    for _ in range(ROUNDS):
        person = Person(wide_api, stack)
        act = event(person, root)
        ended, *answers = all_at_once(
            SIGN_INS + 1, lambda way, act=act, p=person: act() if way == 0 else p.sign_in()
        )
        assert ended.status_code in {200, 202}
        # After an unsuspension the password signs in again: those are sessions of a later sign-in.
        stale = [
            data
            for data in alive(wide_api, answers)
            if event is not by_suspension or began_before(stack, person, data)
        ]
        assert stale == []


def began_before(stack: LocalStack, person: Person, data: Any) -> bool:
    """Return whether a session began before the suspension ended, by the audit trail's order."""
    rows = audit(stack, person)
    ended = max(row["sk"] for row in rows if row["action"] == "account.unsuspended.by_admin")
    session = data["session"]["id"]
    started = [
        r["sk"] for r in rows if r["action"] == "session.started" and session in r["targets"]
    ]
    return bool(started[0] < ended)


def items(stack: LocalStack, person: Person) -> list[dict[str, Any]]:
    """Everything in a person's partition of the table."""
    answer = stack.client("dynamodb").query(
        TableName=stack.table_name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"ACCOUNT#{person.id}"}},
        ConsistentRead=True,
    )
    return [plain(item) for item in answer["Items"]]


def audit(stack: LocalStack, person: Person) -> list[dict[str, Any]]:
    """The rows of a person's trail."""
    account = next(item for item in items(stack, person) if item["sk"] == "ACCOUNT")
    answer = stack.client("dynamodb").query(
        TableName=stack.audit_table_name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"SUBJECT#{account['audit']['id']}"}},
        ConsistentRead=True,
    )
    return [plain(item) for item in answer["Items"]]


def plain(item: dict[str, Any]) -> dict[str, Any]:
    from boto3.dynamodb.types import TypeDeserializer  # noqa: PLC0415 - of the tests alone

    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


def test_sign_in_in_flight_does_not_keep_a_lost_role(wide_api, stack, root):
    for _ in range(ROUNDS):
        person = Person(wide_api, stack)
        token, path = admin_token(wide_api, root), f"{USERS}/{person.id}/role"
        assert person.send("PUT", path, {"role": "admin"}, token).status_code == 200

        def attempt(way, p=person, path=path, token=token):
            if way == 0:
                return p.send("PUT", path, {"role": "user"}, token)
            return p.sign_in()

        demoted, *answers = all_at_once(SIGN_INS + 1, attempt)
        assert demoted.status_code == 200
        for data in alive(wide_api, answers):
            listed = wide_api.call("GET", USERS, token=data["access_token"])
            assert listed.status_code == 403


OPERATIONS = {
    "sign in": lambda p, _: p.sign_in(),
    "refresh": lambda p, _: p.api.refresh(p.refresh_token),
    "change the password": lambda p, _: p.send(
        "PUT", f"{ME}/password", {"current_password": PASSWORD, "new_password": ANOTHER}
    ),
    "change the profile": lambda p, _: p.send("PATCH", ME, {"display_name": "Ada"}),
    "sign all out": lambda p, _: p.send("DELETE", f"{ME}/sessions/all"),
    "sign the others out": lambda p, _: p.send("DELETE", f"{ME}/sessions"),
    "delete": lambda p, _: p.send("DELETE", ME),
    "erase": lambda p, _: p.api.call("DELETE", ME, token=p.token, params={"hard": "true"}),
    "set preferences": lambda p, _: p.send("PUT", f"{ME}/preferences", {"lighting": "required"}),
    "ask for an export": lambda p, _: p.send("POST", f"{ME}/export"),
    "offer an upload": lambda p, _: p.send(
        "POST", f"{ME}/avatar/uploads", {"content_type": "image/png"}
    ),
    "ask for a code": lambda p, _: p.api.call(
        "POST", "/api/v1/auth/login/code", json={"email": p.email}
    ),
    "suspend": lambda p, root: p.send("POST", f"{USERS}/{p.id}/suspend", token=root),
    "make an administrator": lambda p, root: p.send(
        "PUT", f"{USERS}/{p.id}/role", {"role": "admin"}, root
    ),
}


def test_random_pairs_of_operations_keep_the_invariants(wide_api, stack, root, record_property):
    seed = time.time_ns()
    record_property("seed", seed)
    chance = random.Random(seed)
    pairs = list(itertools.combinations_with_replacement(OPERATIONS, 2))
    token = admin_token(wide_api, root)
    for pair in chance.sample(pairs, PAIRS):
        person = Person(wide_api, stack)
        answers = all_at_once(2, lambda way, pair=pair, p=person: OPERATIONS[pair[way]](p, token))
        outcomes = [(answer.status_code, answer.text[:200]) for answer in answers]
        for answer in answers:
            unavailable = answer.status_code == 503 and "retry-after" in answer.headers
            assert answer.status_code < 500 or unavailable, (pair, outcomes)
        require_consistent(items(stack, person), pair, outcomes)


def require_consistent(found: list[dict[str, Any]], pair: Any, outcomes: Any) -> None:
    """The invariants of `tests.support.invariants` that the table shows."""
    what = json.dumps([pair, outcomes], default=str)
    account = next((item for item in found if item["sk"] == "ACCOUNT"), None)
    if account is None:
        assert found == [], what
        return
    living = [s for s in found if s["sk"].startswith("SESSION#") and "ended_at" not in s]
    if account["status"] != "active":
        assert living == [], what
    assert all(session["role"] == account["role"] for session in living), what
    under_way = [
        i["id"]
        for i in found
        if i["sk"].startswith("EXPORT#") and i["status"] in {"queued", "running"}
    ]
    ledger = next((i for i in found if i["sk"] == "EXPORTS"), {})
    assert under_way == ([ledger["running"]] if "running" in ledger else []), what

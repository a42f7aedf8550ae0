"""The authorization matrix of `tests/support/authorization.py` over HTTP on the real stack.

First everything that has to be refused, of everybody, on people who must be as they were
afterwards. Then what is allowed, on people of its own for each operation.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from tests.support.api import Api, a_fresh_address, error_code
from tests.support.authorization import (
    CALLERS,
    CELLS,
    OPERATIONS,
    OUT,
    RULES,
    expected_refusal,
    lets_pass,
    request_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from tools.local.stack import LocalStack

USERS = "/api/v1/users"
ME = f"{USERS}/me"
WAYS = 4
SOME = tuple(OPERATIONS)[::5]
"""Each function starts anew on the stack: all sixty of them take their minutes."""
REFUSALS = [cell for cell in CELLS if expected_refusal(*cell) is not None]
ALLOWED = [cell for cell in CELLS if expected_refusal(*cell) is None]
HARMLESS = [c for c in ALLOWED if OPERATIONS[c[0]][0] == "GET" or RULES[c[0]] == "public"]
"""What is allowed and changes nothing: what is public is sent without what it needs."""


@dataclass(frozen=True)
class Somebody:
    """An account, its token and what it has."""

    email: str
    id: str
    token: str
    objects: dict[str, str]


def somebody(api: Api) -> Somebody:
    email = a_fresh_address()
    here = api.register(email).json()["data"]
    # The present session must outlive its own revocation for the test to see an answer.
    there = api.login(email).json()["data"]
    token, user_id = here["access_token"], here["user"]["id"]
    export = api.call("POST", f"{ME}/export", token=token)
    objects = {
        "user_id": user_id,
        "session_id": there["session"]["id"],
        "export_id": export.json()["data"]["id"],
    }
    return Somebody(email, user_id, token, objects)


def an_admin(api: Api, stack: LocalStack) -> Somebody:
    admin = somebody(api)
    answer = stack.invoke("grant_admin", {"email": admin.email})
    assert answer == {"id": admin.id, "role": "admin"}
    token = api.login(admin.email).json()["data"]["access_token"]
    return replace(admin, token=token)


class World:
    """Everybody who plays a part, or some of them."""

    def __init__(
        self, api: Api, stack: LocalStack, names: Collection[str] = CALLERS, boss: str | None = None
    ) -> None:
        """Make them; `boss` is an administrator's token, where nobody here is one."""
        self.api, self.stack = api, stack
        self.people = {
            name: an_admin(api, stack) if name == "admin" else somebody(api)
            for name in names
            if name != "anonymous"
        }
        if "admin" in self.people:
            boss = self.people["admin"].token
        out = {name: person for name, person in self.people.items() if name in OUT}
        for name, person in out.items():
            method, path, token = {
                "suspended": ("POST", f"{USERS}/{person.id}/suspend", boss),
                "deleted": ("DELETE", ME, person.token),
                "revoked": ("DELETE", f"{ME}/sessions/all", person.token),
            }[name]
            assert api.call(method, path, token=token).status_code == 200

    def send(self, operation_id: str, caller: str, owner: str) -> tuple[int, str | None]:
        method, path, body = request_of(operation_id, self.people[owner].objects)
        token = None if caller == "anonymous" else self.people[caller].token
        options = {} if body is None else {"json": body}
        answer = self.api.call(method, path, token=token, **options)
        if RULES[operation_id] == "signed" and "success" not in answer.json():
            return answer.status_code, "SIGNATURE_REQUIRED"  # as API Gateway itself says it
        # The keys and the health come without an envelope.
        return answer.status_code, error_code(answer) if answer.status_code >= 400 else None

    def kept(self) -> dict[tuple[str, str], str]:
        """All that is kept of these people but when they were last seen."""
        dynamodb = self.stack.client("dynamodb")
        pages = dynamodb.get_paginator("scan").paginate(TableName=self.stack.table_name)
        theirs = {f"ACCOUNT#{person.id}" for person in self.people.values()}
        passing = {"last_activity_at", "used_generation", "write_id"}
        return {
            (item["pk"]["S"], item["sk"]["S"]): str(
                sorted((name, str(v)) for name, v in item.items() if name not in passing)
            )
            for page in pages
            for item in page["Items"]
            if item["pk"]["S"] in theirs and not item["sk"]["S"].startswith("EXPORT")
        }


@pytest.fixture(scope="module")
def world(wide_api, stack):
    return World(wide_api, stack)


EXTENTS = [
    pytest.param(SOME, id="some"),
    pytest.param(OPERATIONS, id="all", marks=pytest.mark.slow),
]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("operations", EXTENTS)
def test_forbidden_requests_are_refused_and_change_nothing(world, operations):
    cells = [cell for cell in REFUSALS if cell[0] in operations]
    before = world.kept()
    assert {key[0] for key in before} == {f"ACCOUNT#{p.id}" for p in world.people.values()}
    with ThreadPoolExecutor(WAYS) as pool:
        answers = list(pool.map(lambda cell: world.send(*cell), cells))
    deviations = [
        (cell, answer)
        for cell, answer in zip(cells, answers, strict=True)
        if answer != expected_refusal(*cell)
    ]
    assert deviations == []
    assert world.kept() == before
    print(f"\n{len(cells)} refusals of {len(operations)} operations, 0 deviations")  # noqa: T201


@pytest.mark.timeout(900)
@pytest.mark.parametrize("operations", EXTENTS)
def test_allowed_reads_succeed(world, operations):
    cells = [cell for cell in HARMLESS if cell[0] in operations]
    with ThreadPoolExecutor(WAYS) as pool:
        answers = list(pool.map(lambda cell: world.send(*cell), cells))
    deviations = [
        (cell, answer)
        for cell, answer in zip(cells, answers, strict=True)
        if not lets_pass(cell[0], *answer)
    ]
    assert deviations == []
    print(f"\n{len(cells)} reads and questions, 0 deviations")  # noqa: T201


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_allowed_changes_succeed(wide_api, stack):
    """Each on a world of its own: what one changes must not be what another is refused for."""
    changes = [cell for cell in ALLOWED if cell not in HARMLESS]
    boss = an_admin(wide_api, stack).token

    def attempt(cell):
        _, caller, owner = cell
        return World(wide_api, stack, {caller, owner}, boss).send(*cell)

    with ThreadPoolExecutor(WAYS) as pool:
        answers = list(pool.map(attempt, changes))
    deviations = [
        (cell, answer)
        for cell, answer in zip(changes, answers, strict=True)
        if not lets_pass(cell[0], *answer)
    ]
    assert deviations == []
    print(f"\n{len(changes)} changes, 0 deviations")  # noqa: T201


@pytest.mark.timeout(600)
def test_first_administrator_is_granted_by_iam_and_the_last_one_stays(world):
    """IAM authorizes the invocation. The function has no route."""
    wide_api, stack = world.api, world.stack
    routes = stack.client("apigatewayv2").get_routes(
        ApiId=stack.deployment.outputs["ApiId"], MaxResults="500"
    )
    assert [r for r in routes["Items"] if "grant" in r["RouteKey"].lower()] == []
    admin, other = an_admin(wide_api, stack), an_admin(wide_api, stack)
    # Every other administrator of this stack goes, so that these two are the last ones.
    token = admin.token
    dynamodb = stack.client("dynamodb")
    pages = dynamodb.get_paginator("scan").paginate(TableName=stack.table_name)
    admins = {
        item["id"]["S"]
        for page in pages
        for item in page["Items"]
        if item["sk"]["S"] == "ACCOUNT" and item.get("role", {}).get("S") == "admin"
    }

    def demote(user_id):
        path = f"{USERS}/{user_id}/role"
        return wide_api.call("PUT", path, token=token, json={"role": "user"})

    for user_id in admins - {admin.id}:
        assert demote(user_id).status_code == 200
    assert error_code(wide_api.call("GET", USERS, token=other.token)) == "ADMINISTRATORS_ONLY"
    own = f"{USERS}/{admin.id}"
    for answer in (
        demote(admin.id),
        wide_api.call("DELETE", own, token=token),
        wide_api.call("DELETE", ME, token=token),
        wide_api.call("DELETE", ME, token=token, params={"hard": "true"}),
        wide_api.call("POST", f"{own}/suspend", token=token),
    ):
        assert (answer.status_code, error_code(answer)) == (409, "LAST_ADMINISTRATOR")
    assert wide_api.call("GET", USERS, token=token).status_code == 200
    assert stack.invoke("grant_admin", {"email": other.email})["role"] == "admin"
    assert demote(admin.id).status_code == 200
    assert error_code(wide_api.call("GET", USERS, token=token)) == "ADMINISTRATORS_ONLY"
    # The other tests need these.
    assert stack.invoke("grant_admin", {"email": world.people["admin"].email})["role"] == "admin"

"""Who may do what: every operation of the contract, for every kind of caller, on own and others'.

What is expected is read from `openapi.json`, what happens from the handlers behind the authorizer.
"""

from __future__ import annotations

import copy
import json

import pytest

from latchkey.storage.memory import MemoryTable
from tests.support.person import ME, Person
from tests.support.service import InProcessService
from tools.template import ROOT

CONTRACT = json.loads((ROOT / "openapi.json").read_text())
OUT = {
    "suspended": "ACCOUNT_SUSPENDED",
    "deleted": "ACCOUNT_DELETED",
    "revoked": "SESSION_REVOKED",
}
CALLERS = ("anonymous", "a", "b", "admin", *OUT)
OWNERS = ("a", "b")
NOT_FOUND = {
    "user_id": "ACCOUNT_NOT_FOUND",
    "session_id": "SESSION_NOT_FOUND",
    "export_id": "EXPORT_NOT_FOUND",
}
BODIES = {"renameSession": {"device_name": "Mine"}}
"""Where whose it is comes to light only behind a body that is accepted."""

MAY_BE_DONE_TWICE = {"logout"}
"""Operations that an ended session may repeat."""


def operations():
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in CONTRACT["paths"].items()
        for method, operation in methods.items()
        if method in {"get", "put", "post", "patch", "delete"}
    }


OPERATIONS = operations()


def codes(operation):
    """Every error code that the contract lets an operation answer with."""
    found = set()

    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node and node["$ref"].startswith("#/components/responses/"):
                walk(CONTRACT["components"]["responses"][node["$ref"].rpartition("/")[2]])
            found.update(c for c in node.get("enum", []) if isinstance(c, str) and c.isupper())
            for part in node.values():
                walk(part)
        elif isinstance(node, list):
            for part in node:
                walk(part)

    walk(operation["responses"])
    return found


def kind(operation_id):
    """Say who may call an operation, by what the contract says."""
    _, path, operation = OPERATIONS[operation_id]
    if not operation.get("security", CONTRACT.get("security")):
        return "public"
    if "ADMINISTRATORS_ONLY" in codes(operation):
        return "admin"
    return "owner" if "{user_id}" in path else "signed in"


class World:
    """Everybody, made once; each cell of the matrix starts from the same copy."""

    def __init__(self) -> None:
        self.service = InProcessService()
        people = {name: Person(self.service, f"{name}@example.com") for name in CALLERS[1:]}
        people["admin"].become_admin()
        self.tokens: dict[str, str | None] = {name: person.token for name, person in people.items()}
        self.tokens["anonymous"] = None
        self.objects = {
            name: {
                "user_id": people[name].id,
                "session_id": people[name].session_id,
                "export_id": people[name].request("POST", f"{ME}/export").data["id"],
            }
            for name in OWNERS
        }
        for name in OWNERS:
            # The present session must outlive its own revocation for the test to see an answer.
            second = self.service.login(f"{name}@example.com").data
            self.objects[name]["session_id"] = second["session"]["id"]
        admin = people["admin"]
        assert (
            admin.request("POST", f"/api/v1/users/{people['suspended'].id}/suspend").status == 200
        )
        assert people["deleted"].request("DELETE", ME).status == 200
        assert people["revoked"].request("DELETE", f"{ME}/sessions/all").status == 200
        self._items = copy.deepcopy(self.table._items)

    @property
    def table(self) -> MemoryTable:
        assert isinstance(self.service.table, MemoryTable)
        return self.service.table

    def reset(self) -> None:
        self.table._items = copy.deepcopy(self._items)
        self.service.configure()

    def changed(self) -> set[str]:
        """Name what is not as it was, but for the trail and what each use notes."""
        now = self.table._items
        keys = {key for key in {*now, *self._items} if now.get(key) != self._items.get(key)}
        return {f"{key.pk} {key.sk}" for key in keys if key.table == "main"}


@pytest.fixture(scope="module")
def world():
    return World()


def send(world, operation_id, caller, owner):
    method, path, operation = OPERATIONS[operation_id]
    for name, value in world.objects[owner].items():
        path = path.replace("{" + name + "}", value)
    body = BODIES.get(operation_id, {}) if "requestBody" in operation else None
    return world.service.request(method, path, token=world.tokens[caller], json_body=body)


def expected_refusal(operation_id, caller, owner):
    """Say how the contract's rules refuse this, or None if they let it pass."""
    _, path, _ = OPERATIONS[operation_id]
    rule = kind(operation_id)
    if rule == "public":
        return None
    if caller == "anonymous":
        return 401, "TOKEN_MISSING"
    if caller in OUT:
        return None if operation_id in MAY_BE_DONE_TWICE else (401, OUT[caller])
    if rule == "admin":
        return None if caller == "admin" else (403, "ADMINISTRATORS_ONLY")
    if rule == "owner":
        return None if caller in ("admin", owner) else (404, "ACCOUNT_NOT_FOUND")
    for name in ("session_id", "export_id"):
        if "{" + name + "}" in path and caller != owner:
            return 404, NOT_FOUND[name]
    return None


CELLS = [
    (operation_id, caller, owner)
    for operation_id in OPERATIONS
    for caller in CALLERS
    for owner in OWNERS
    if "{" in OPERATIONS[operation_id][1] or owner == "a"
]


def test_the_matrix_has_every_operation_and_every_caller():
    assert {cell[0] for cell in CELLS} == set(OPERATIONS)
    assert {kind(operation_id) for operation_id in OPERATIONS} == {
        "public",
        "admin",
        "owner",
        "signed in",
    }
    assert len(CELLS) >= len(OPERATIONS) * len(CALLERS)


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_who_may_do_what(world, operation_id):
    deviations = []
    for _, caller, owner in [cell for cell in CELLS if cell[0] == operation_id]:
        world.reset()
        answer = send(world, operation_id, caller, owner)
        refusal = expected_refusal(operation_id, caller, owner)
        code = answer.body["error"]["code"] if answer.status >= 400 else None
        if refusal is not None:
            if (answer.status, code) != refusal or world.changed():
                deviations.append((caller, owner, answer.status, code, world.changed()))
        elif kind(operation_id) != "public" and (
            answer.status in {401, 403, 500} or code in NOT_FOUND.values()
        ):
            deviations.append((caller, owner, answer.status, code))
    assert deviations == []

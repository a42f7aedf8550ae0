"""The authorization matrix: every operation, every kind of caller, own and other people's objects.

The operations are read from `openapi.json`; what happens, from the handlers behind the authorizer.
"""

from __future__ import annotations

import copy

import pytest

from latchkey.storage.memory import MemoryTable
from latchkey.wiring.storage import account_store
from tests.support.authorization import (
    CALLERS,
    CELLS,
    OPERATIONS,
    RULES,
    expected_refusal,
    kind_of_contract,
    lets_pass,
    request_of,
)
from tests.support.person import ME, Person
from tests.support.service import InProcessService


class World:
    """Everybody, made once; each cell of the matrix starts from the same copy."""

    def __init__(self) -> None:
        self.service = InProcessService()
        people = {name: Person(self.service, f"{name}@example.com") for name in CALLERS[1:]}
        people["admin"].become_admin()
        self.ids = {name: person.id for name, person in people.items()}
        self.tokens: dict[str, str | None] = {name: person.token for name, person in people.items()}
        self.tokens["anonymous"] = None
        self.objects = {
            name: {
                "user_id": people[name].id,
                "session_id": people[name].session_id,
                "export_id": people[name].request("POST", f"{ME}/export").data["id"],
            }
            for name in people
        }
        for name in people:
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
        """Return changed items, except audit rows and attributes of use."""
        now = self.table._items
        keys = {key for key in {*now, *self._items} if now.get(key) != self._items.get(key)}
        return {f"{key.pk} {key.sk}" for key in keys if key.table == "main"}


@pytest.fixture(scope="module")
def world():
    return World()


def send(world, operation_id, caller, owner):
    method, path, body = request_of(operation_id, world.objects[owner])
    return world.service.request(method, path, token=world.tokens[caller], json_body=body)


def test_every_operation_has_the_rule_of_the_contract():
    """A new operation has no rule by default."""
    assert {name: kind_of_contract(name) for name in OPERATIONS} == RULES


def test_the_matrix_has_every_operation_every_caller_and_own_and_foreign_objects():
    for operation_id, (_, path, _) in OPERATIONS.items():
        tried = [(caller, owner) for name, caller, owner in CELLS if name == operation_id]
        assert {caller for caller, _ in tried} == set(CALLERS)
        if "{" in path:
            assert {caller for caller, owner in tried if caller == owner} == {*CALLERS[1:]}
            assert {caller for caller, owner in tried if caller != owner} == {*CALLERS}


def deviations(world, operation_id):
    found = []
    for _, caller, owner in [cell for cell in CELLS if cell[0] == operation_id]:
        world.reset()
        answer = send(world, operation_id, caller, owner)
        refusal = expected_refusal(operation_id, caller, owner)
        code = answer.body["error"]["code"] if answer.status >= 400 else None
        if refusal is not None:
            if (answer.status, code) != refusal or world.changed():
                found.append((caller, owner, answer.status, code, world.changed()))
        elif not lets_pass(operation_id, answer.status, code):
            found.append((caller, owner, answer.status, code))
    return found


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_access_follows_the_authorization_matrix(world, operation_id):
    assert deviations(world, operation_id) == []


@pytest.mark.parametrize("operation_id", ["getHealth", "listSessions", "getUser", "listUsers"])
@pytest.mark.parametrize("rule", sorted({*RULES.values()}))
def test_wrong_rule_is_detected(world, monkeypatch, operation_id, rule):
    """One operation of each kind, held against each of the rules."""
    right = RULES[operation_id]
    monkeypatch.setitem(RULES, operation_id, rule)
    assert (deviations(world, operation_id) != []) == (rule != right)


# Who did it ---------------------------------------------------------------------------------------

BY_ADMINISTRATORS = [name for name, rule in RULES.items() if rule in {"admin", "owner"}]
WHOSE = {"unsuspendUser": "suspended", "restoreUser": "deleted"}
"""Operations on an account that has the required state."""
BODY_OF = {
    "replaceUser": {"full_name": "Somebody Else"},
    "replacePreferencesAtUsersUserIdPreferences": {"wifi": True},
    "changeRole": {"role": "admin"},
    "revokeFoundSessions": {"device": "Chrome"},
}


@pytest.mark.parametrize("operation_id", BY_ADMINISTRATORS)
def test_every_act_of_an_administrator_is_audited_with_the_actor(world, operation_id):
    """A row is in the table when the answer leaves; a new operation of theirs is tried, too."""
    world.reset()
    account = world.service.services[account_store].get(world.ids["admin"])
    before = {row["sk"] for row in rows(world)}
    method, path, _ = request_of(operation_id, world.objects[WHOSE.get(operation_id, "a")])
    if operation_id == "resetPreferencesAtUsersUserIdPreferences":
        token = world.tokens["a"]
        world.service.request("PUT", f"{ME}/preferences", token=token, json_body={"wifi": True})
    query = {"action": "account.registered"} if operation_id == "listAudit" else None
    answer = world.service.request(
        method, path, token=world.tokens["admin"], json_body=BODY_OF.get(operation_id), query=query
    )
    assert answer.status == 200, answer.body
    new = [row for row in rows(world) if row["sk"] not in before]
    assert [row for row in new if row["actor"] == account.audit.id]


def rows(world):
    return [item for item in world.table.all_items() if str(item["sk"]).startswith("aud_")]
